"""``python -m display``: print each CloudEvent that comes, one line of JSON each, and answer 204.

A subscriber that shows what reaches it, such as a Trigger's events while you write it.
It has no vCenter and one setting, so it is served without what ``vcenter_functions.function`` adds.
"""

from vcenter_functions.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below

import os
import sys

import uvicorn

from display.handler import DISPLAY
from vcenter_functions.http_limits import uvicorn_options
from vcenter_functions.net.sockets import ANYWHERE, listen
from vcenter_functions.server import create_app, local_url


def main() -> int:
    """Serve on ``PORT`` (8080 where it is not set, any free one for 0) until a signal. Return 1 without a port."""
    try:
        listeners = listen(ANYWHERE, int(os.environ.get("PORT") or 8080))
    except (OSError, ValueError, OverflowError) as exc:
        print(f"display: PORT: cannot listen: {exc}", file=sys.stderr)  # noqa: T201
        return 1
    # Standard output is for events alone.
    print(f"display ready: {local_url(ANYWHERE, listeners[0])}", file=sys.stderr, flush=True)  # noqa: T201
    config = uvicorn.Config(create_app(DISPLAY), log_level="warning", access_log=False, **uvicorn_options())
    uvicorn.Server(config).run(listeners)
    return 0


if __name__ == "__main__":
    sys.exit(main())
