"""``python -m pytag``: read the settings, serve, and end with an exit code that says how it went."""

import os
import signal

if __name__ == "__main__":  # before the imports below, which take a third of a second; PID 1 has no default
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda number, _frame: os._exit(128 + number))

import sys

from pytag import log, settings
from pytag.connections import announce_way
from pytag.server import serve
from vcenter_functions.errors import SettingsError
from vcenter_functions.telemetry import Telemetry, provider_from_environment


def main() -> int:
    """0 after a clean stop, 1 where the port cannot be had, 2 for a wrong setting."""
    try:
        loaded = settings.load()
        log.configure(loaded)
        settings.warn_of_misspelt()
        announce_way(loaded)
        telemetry = Telemetry(provider_from_environment())
    except SettingsError as exc:
        print(f"pytag: {exc}", file=sys.stderr)  # noqa: T201  one line, whatever LOG_FORMAT is
        return 2
    return serve(loaded, telemetry)


if __name__ == "__main__":
    sys.exit(main())
