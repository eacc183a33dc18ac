"""A Broker to develop against: ``python -m demo.broker --manifests config/knative --subscriber pytag=http://…``.

It plays the Broker and the Triggers that the manifests declare: the same ingress answers, filters, retries and trace
context as Knative's, on one machine. Unlike Knative's default Broker it answers 202 as soon as the event is queued.
``GET /demo/events`` and ``GET /demo/deliveries`` show the events and their deliveries; ``POST /demo/trouble`` makes it
fail for a while (``demo.trouble``).
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, use_span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demo import tracing
from demo.delivery_log import DeliveryLog, Outcome
from demo.dispatcher import TTL, Dispatcher, Job, QueueFullError
from demo.listener import listen
from demo.manifests import Broker, ManifestError, load_broker
from demo.message import BadEventError, Message, read
from demo.trouble import Trouble

# Kafka's Broker refuses more than 1 MiB; what passes here should pass there.
MAX_BODY_BYTES = 1024 * 1024


class LocalBroker:
    """The ingress: checks an event, finds the Triggers that want it, queues their deliveries."""

    def __init__(self, broker: Broker, subscribers: Mapping[str, str], address: str) -> None:
        self._broker = broker
        self._address = address
        self._provider = tracing.provider()
        self._tracer = tracing.tracer(self._provider)
        self._log = DeliveryLog()
        self._trouble = Trouble()
        self._dispatcher = Dispatcher(subscribers, self._tracer, self._accept)

    def app(self) -> Starlette:
        """Return the HTTP application."""
        routes = [
            Route("/demo/events", self._events),
            Route("/demo/deliveries", self._deliveries),
            Route("/demo/trouble", self._trouble.begin, methods=["POST"]),
            Route("/{namespace}/{name}", self._ingress, methods=["POST"]),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(self._dispatcher.run())
        # Here the socket listens already and the signal handlers are set: whoever waits for this line may do anything.
        print(f"broker ready: {self._address}{self._broker.path}", flush=True)
        try:
            yield
        finally:
            deliveries.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await deliveries
            self._flush()

    def _flush(self) -> None:
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown:
            shutdown()

    async def _ingress(self, request: Request) -> Response:
        if request.url.path != self._broker.path:
            return PlainTextResponse(f"no such Broker; this is {self._broker.path}\n", status_code=404)
        body = await request.body()
        if (trouble := self._trouble.answer()) is not None:
            return trouble
        if len(body) > MAX_BODY_BYTES:
            return PlainTextResponse(f"an event has at most {MAX_BODY_BYTES} bytes\n", status_code=413)
        try:
            message = read(dict(request.headers), body)
            self._accept(message, tracing.extract_context(request.headers), TTL)
        except BadEventError as exc:
            return PlainTextResponse(f"{exc}\n", status_code=400)
        except QueueFullError:
            return PlainTextResponse("too many deliveries are waiting\n", status_code=503, headers={"retry-after": "1"})
        return Response(status_code=202)

    def _accept(self, message: Message, context: Context, ttl: int) -> None:
        """Queue the event for each Trigger that wants it.

        Raises QueueFullError.
        """
        attributes = tracing.event_attributes(message)
        span = self._tracer.start_span("broker ingress", context, SpanKind.SERVER, attributes)
        with use_span(span, end_on_exit=True):
            wanted = [
                (trigger, Outcome.for_trigger(trigger)) for trigger in self._broker.find_triggers(message.attributes)
            ]
            here = get_current()
            self._dispatcher.put([Job(message, trigger, outcome, here, ttl) for trigger, outcome in wanted])
            self._log.record(message, [outcome for _, outcome in wanted])

    async def _events(self, _request: Request) -> Response:
        return _json(self._log.events())

    async def _deliveries(self, _request: Request) -> Response:
        return _json(self._log.deliveries())


def _json(value: Any) -> Response:
    """Answer in ASCII: the data of an event may hold what UTF-8 cannot carry, such as half a surrogate pair."""
    return Response(json.dumps(value), media_type="application/json")


class Server(uvicorn.Server):
    """uvicorn raises a signal again after its clean-up; for us SIGINT and SIGTERM both mean a clean end, exit 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End the server on SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield


def serve(broker: Broker, subscribers: Mapping[str, str], listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    host, port = listener.getsockname()[:2]
    app = LocalBroker(broker, subscribers, f"http://{host}:{port}").app()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    asyncio.run(Server(config).serve(sockets=[listener]))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Exit status 2 if the manifests or an argument cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        broker = load_broker(options.manifests)
        listener = listen(options.host, options.port) if options.fd is None else socket.socket(fileno=options.fd)
    except (ManifestError, OSError) as exc:
        print(f"broker: {exc}", file=sys.stderr)
        return 2
    with listener:
        serve(broker, dict(options.subscriber), listener)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.broker", description="A local Knative Broker with its Triggers"
    )
    parser.add_argument("--manifests", type=Path, required=True, help="the folder with the Broker and its Triggers")
    parser.add_argument(
        "--subscriber",
        type=_subscriber,
        action="append",
        default=[],
        metavar="SERVICE=URL",
        help="where a Service that a Trigger names is reached; once for each Service",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--fd", type=int, help="a listening socket that was inherited, instead of host and port")
    return parser


def _subscriber(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=URL")
    return name, url


if __name__ == "__main__":
    sys.exit(main())
