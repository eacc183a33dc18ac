"""An OpenFaaS gateway to develop against: ``python -m demo.gateway --stack functions/pytag/stack.yml --secrets …``.

It speaks the API of faas 0.27 and runs the functions of a stack.yml as processes: the lists under /system take basic
auth, ``/function/…`` waits for the function, ``/async-function/…`` queues. Not played: scaling, deploying by the API,
callbacks. Settings are the gateway's own: ``basic_auth`` and ``secret_mount_path``. What functions were invoked with is
told by ``GET /demo/events`` and ``GET /demo/deliveries``, as the local Broker does.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo.broker import Server
from demo.ledger import DELIVERED, FAILED, PENDING, Ledger, Outcome
from demo.manifests import ManifestError
from demo.message import BadEventError, read
from demo.processes import DemoError, Processes
from demo.stack import Function, read_stack

NAMESPACE = "openfaas-fn"
MAX_QUEUED = 1000
"""Requests that wait for ``/async-function/``; NATS bounds its own too."""

ANSWER_TIMEOUT = 60.0
"""Seconds for a function's answer: ``upstreamTimeout`` of OpenFaaS's chart."""

MAX_QUEUED_BYTES = 256_000
"""The largest body that the queue of OpenFaaS's Community Edition takes; like all that fails there, more is a 500."""

_MAY_PASS = {408, 425, 429}
_HOPS = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host", "content-length"}
_QUEUED = "/async-function/"


class Gateway:
    """The gateway. ``functions`` maps each to its process's address; ``credentials`` guard the lists, if any."""

    def __init__(self, functions: Mapping[str, tuple[Function, str]], credentials: str | None, address: str) -> None:
        self._functions = functions
        self._credentials = credentials
        self._address = address
        self._ledger = Ledger()
        self._client = httpx.AsyncClient(timeout=ANSWER_TIMEOUT, trust_env=False)
        self._queue: asyncio.Queue[tuple[Request, dict[str, str], bytes]] = asyncio.Queue(MAX_QUEUED)

    def app(self) -> Starlette:
        """The HTTP application."""
        any_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        routes = [
            Route("/healthz", self._healthz),
            Route("/system/namespaces", self._namespaces),
            Route("/system/functions", self._list),
            Route("/system/function/{name}", self._one),
            Route("/function/{name}", self._invoke, methods=any_method),
            Route("/function/{name}/{rest:path}", self._invoke, methods=any_method),
            Route(_QUEUED + "{name}", self._enqueue, methods=["POST"]),
            Route(_QUEUED + "{name}/{rest:path}", self._enqueue, methods=["POST"]),
            Route("/demo/events", self._events),
            Route("/demo/deliveries", self._deliveries),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        worker = asyncio.create_task(self._work_off())
        print(f"gateway ready: {self._address}", flush=True)
        try:
            yield
        finally:
            worker.cancel()
            await self._client.aclose()

    # --- /system ---

    def _refused(self, request: Request) -> Response | None:
        """An answer where the credentials are not those that are asked for."""
        if self._credentials is None or request.headers.get("authorization") == f"Basic {self._credentials}":
            return None
        headers = {"WWW-Authenticate": 'Basic realm="Restricted"'}
        return PlainTextResponse("invalid credentials\n", status_code=401, headers=headers)

    async def _namespaces(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse([NAMESPACE])

    async def _list(self, request: Request) -> Response:
        mine = request.query_params.get("namespace", NAMESPACE) == NAMESPACE
        listed = [status(function) for function, _ in self._functions.values()] if mine else []
        return self._refused(request) or JSONResponse(listed)

    async def _one(self, request: Request) -> Response:
        found = self._functions.get(request.path_params["name"])
        known = JSONResponse(status(found[0])) if found else Response(status_code=404)
        return self._refused(request) or known

    async def _healthz(self, _request: Request) -> Response:
        return PlainTextResponse("OK")

    # --- functions ---

    async def _invoke(self, request: Request) -> Response:
        body, headers, own = await request.body(), *tagged(request.headers)
        answer = await self._call(request, headers, body)
        if answer.status_code != 404 or called(request) in self._functions:  # noqa: PLR2004  HTTP's Not Found
            answer.headers.update(own)
        return answer

    async def _enqueue(self, request: Request) -> Response:
        """The queue takes what nobody may ever run, as the real one does."""
        body, headers, own = await request.body(), *tagged(request.headers)
        if len(body) > MAX_QUEUED_BYTES:
            told = f"request body too large for OpenFaaS CE ({len(body)} bytes), maximum: {MAX_QUEUED_BYTES} bytes"
            return PlainTextResponse(f"Error queuing request: {told}\n", status_code=500, headers=own)
        try:
            self._queue.put_nowait((request, headers, body))
        except asyncio.QueueFull:
            return PlainTextResponse("the queue is full\n", status_code=500)
        return Response(status_code=202, headers=own)

    async def _work_off(self) -> None:
        """The queue-worker: each invocation once, one after another."""
        while True:
            await self._call(*await self._queue.get())

    async def _call(self, request: Request, headers: Mapping[str, str], body: bytes) -> Response:
        """Hand a request to a function's process and note what came of it."""
        name = called(request)
        if name not in self._functions:
            return PlainTextResponse(f"error finding function {request.path_params['name']}\n", status_code=404)
        function, address = self._functions[name]
        url = f"{address}/{request.path_params.get('rest', '')}"
        try:
            answer = await self._client.request(request.method, url, content=body, headers=headers)
        except httpx.HTTPError as exc:
            self._note(function, headers, body, 502, str(exc))
            return PlainTextResponse(f"Can't reach service for: {name}.\n", status_code=502)
        self._note(function, headers, body, answer.status_code, answer.text.strip())
        passed = {key: value for key, value in answer.headers.items() if key not in _HOPS}
        return Response(answer.content, answer.status_code, passed)

    # --- what is told of it ---

    def _note(self, function: Function, headers: Mapping[str, str], body: bytes, code: int, reason: str) -> None:
        """Only CloudEvents are noted: the vcenter-connector's body has no id to tell one event from another by."""
        try:
            message = read(headers, body)
        except BadEventError:
            return
        outcomes = self._ledger.outcomes(message.id)
        outcome = next((each for each in outcomes if each.subscriber == function.name), None)
        if outcome is None:
            outcome = Outcome(function.name, function.where, function.annotations.get("topic", ""), function.name)
            self._ledger.enter(message, [*outcomes, outcome])
        refused = 400 <= code < 500 and code not in _MAY_PASS  # noqa: PLR2004  HTTP's client errors
        outcome.status = DELIVERED if code < 300 else FAILED if refused else PENDING  # noqa: PLR2004  HTTP's success
        outcome.attempts, outcome.code, outcome.reason = outcome.attempts + 1, code, reason

    async def _events(self, _request: Request) -> Response:
        return JSONResponse(self._ledger.events())

    async def _deliveries(self, _request: Request) -> Response:
        return JSONResponse(self._ledger.deliveries())


def called(request: Request) -> str:
    """The function that is meant: ``name`` or ``name.namespace``; empty for one of another namespace."""
    name, _, namespace = str(request.path_params["name"]).partition(".")
    return name if namespace in {"", NAMESPACE} else ""


def tagged(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The headers for the function, and those that the gateway adds to its answer, as faas' callid_middleware does."""
    passed = {name: value for name, value in headers.items() if name not in _HOPS}
    own = {"x-start-time": str(time.time_ns())}
    if "x-call-id" not in passed:
        own["x-call-id"] = str(uuid.uuid4())
    return passed | own, own


def status(function: Function) -> dict[str, object]:
    """A function as the lists tell it."""
    return {
        "name": function.name,
        "namespace": NAMESPACE,
        "image": function.image,
        "annotations": dict(function.annotations),
        "secrets": list(function.secrets),
        "replicas": 1,
        "availableReplicas": 1,
    }


def started(function: Function, options: argparse.Namespace, folder: Path, processes: Processes) -> str:
    """Start a function's process, which finds its secrets as files in ``folder``; its address. Raises DemoError."""
    folder.mkdir()
    for secret in function.secrets:
        if not (options.secrets / secret).is_dir():
            raise DemoError(f"{function.where}: function {function.name}: there is no secret {secret}")
        shutil.copytree(options.secrets / secret, folder, dirs_exist_ok=True)
    environment = function.environment_with(folder) | dict(options.env) | {"HOST": "127.0.0.1", "PORT": "0"}
    return processes.ready(processes.start(function.name, [f"{options.package}.{function.name}"], environment))


def credentials(environment: Mapping[str, str] = os.environ) -> str | None:
    """What basic auth has to say, by the gateway's own variables; None where it is off. Raises OSError."""
    if environment.get("basic_auth", "").lower() not in {"true", "1"}:
        return None
    folder = Path(environment.get("secret_mount_path", "/run/secrets"))
    parts = ((folder / f"basic-auth-{part}").read_text().strip() for part in ("user", "password"))
    return b64encode(":".join(parts).encode()).decode()


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit status 2 where the stack or an argument cannot be used, 1 where a function fails."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # KeyboardInterrupt: the functions' processes are ended
    options = _parser().parse_args(arguments)
    try:
        functions, secret, listener = read_stack(options.stack), credentials(), socket.socket(fileno=options.fd)
    except (ManifestError, OSError) as exc:
        print(f"gateway: {exc}", file=sys.stderr)
        return 2
    with listener, TemporaryDirectory(prefix="functions-") as made, contextlib.suppress(KeyboardInterrupt):
        try:
            play(functions, secret, listener, options, Path(made))
        except DemoError as exc:
            print(f"gateway: {exc}", file=sys.stderr)
            return 1
    return 0


def play(
    functions: Iterable[Function],
    secret: str | None,
    listener: socket.socket,
    options: argparse.Namespace,
    made: Path,
) -> None:
    """Start the functions, serve until SIGINT or SIGTERM, end them."""
    host, port = listener.getsockname()[:2]
    with Processes(options.logs or made, options.timeout, grace=3.0) as processes:
        running = {each.name: (each, started(each, options, made / each.name, processes)) for each in functions}
        app = Gateway(running, secret, f"http://{host}:{port}").app()
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        asyncio.run(Server(config).serve(sockets=[listener]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.gateway", description="A local OpenFaaS gateway with its functions"
    )
    parser.add_argument("--stack", type=Path, required=True, help="the stack.yml with the functions")
    parser.add_argument("--secrets", type=Path, required=True, help="a folder for each secret, a file for each key")
    parser.add_argument(
        "--env", type=_variable, action="append", default=[], metavar="NAME=VALUE", help="as faas-cli deploy --env"
    )
    parser.add_argument("--package", default="functions", help="each function is run as a module of it")
    parser.add_argument("--logs", type=Path, help="where the functions' logs go (default: nowhere that stays)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds that a function may take to start")
    parser.add_argument("--fd", type=int, required=True, help="a listening socket that was inherited")
    return parser


def _variable(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not name or not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
