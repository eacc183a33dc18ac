"""``python -m display``: print each CloudEvent that comes, one line of JSON each, and answer 204.

A subscriber that shows what reaches it: the dead letters in config/knative, or any Trigger's events while you write it.
"""

import os
import signal

if __name__ == "__main__":  # before the imports below, which take a third of a second; PID 1 has no default
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda number, _frame: os._exit(128 + number))

import sys

import uvicorn
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vcenter_functions.errors import RequestRefusedError
from vcenter_functions.event import read_event
from vcenter_functions.http_server import FewHeaders, body_of, options
from vcenter_functions.net.sockets import ANYWHERE, listen

MAX_BODY_BYTES = 8 * 1024 * 1024
"""More than any Broker passes on; the adapter's own dead letters may be larger than what the Broker took."""
BODY_SECONDS = 30.0


async def show(request: Request) -> Response:
    """Print the event of one request. The answer has no body, which a Broker would take for an event."""
    try:
        event = read_event(request.headers, await body_of(request, MAX_BODY_BYTES, BODY_SECONDS))
    except RequestRefusedError as exc:
        # What is left of a body that was not read would be taken for the next request.
        return PlainTextResponse(f"{exc}\n", exc.status, {"Connection": "close"} if exc.status in {408, 413} else None)
    line = to_structured(event, JSONFormat()).body
    print(line.decode(), flush=True)  # noqa: T201  what it is for
    return Response(status_code=204)


async def healthy(_: Request) -> Response:
    """For the probes."""
    return PlainTextResponse("ok\n")


def main() -> int:
    """Serve on ``PORT`` (8080 where it is not set, any free one for 0) until a signal. 1 where it cannot be had."""
    try:
        listeners = listen(ANYWHERE, int(os.environ.get("PORT") or 8080))
    except (OSError, ValueError, OverflowError) as exc:
        print(f"display: PORT: cannot listen: {exc}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"display ready: http://127.0.0.1:{listeners[0].getsockname()[1]}", file=sys.stderr, flush=True)  # noqa: T201
    routes = [Route("/healthz", healthy), Route("/{path:path}", show, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(FewHeaders)])
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **options())).run(sockets=listeners)
    return 0


if __name__ == "__main__":
    sys.exit(main())
