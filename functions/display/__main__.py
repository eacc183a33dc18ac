"""``python -m display``: print each CloudEvent that comes, one line of JSON each, and answer 204.

A subscriber that shows what reaches it: the dead letters in config/knative, or any Trigger's events while you write it.
"""

from vcenter_functions.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below

import os
import sys
from collections.abc import Mapping

import uvicorn
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat

from vcenter_functions.http_limits import BodyLimit, uvicorn_options
from vcenter_functions.net.sockets import ANYWHERE, listen
from vcenter_functions.server import Service, create_app, local_url

BODY_LIMIT = BodyLimit(max_bytes=8 * 1024 * 1024, seconds=30.0)
"""More than any Broker passes on; the adapter's own dead letters may be larger than what the Broker accepted."""


async def show(event: BaseCloudEvent, _: Mapping[str, str]) -> None:
    """Print an event."""
    line = to_structured(event, JSONFormat()).body
    print(line.decode(), flush=True)  # noqa: T201  what it is for


def main() -> int:
    """Serve on ``PORT`` (8080 where it is not set, any free one for 0) until a signal. 1 where it cannot be had."""
    try:
        listeners = listen(ANYWHERE, int(os.environ.get("PORT") or 8080))
    except (OSError, ValueError, OverflowError) as exc:
        print(f"display: PORT: cannot listen: {exc}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"display ready: {local_url(ANYWHERE, listeners[0])}", file=sys.stderr, flush=True)  # noqa: T201
    app = create_app(Service(show, BODY_LIMIT))
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **uvicorn_options())).run(listeners)
    return 0


if __name__ == "__main__":
    sys.exit(main())
