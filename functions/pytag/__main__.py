"""``python -m pytag``: serve pytag, and end with an exit code that says how it went."""

from vcenter_functions.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below

import sys
from pathlib import Path

from vcenter_functions.event_runner import Messages
from vcenter_functions.kit import run_file

HANDLER = Path(__file__).with_name("handler.py")
MESSAGES = Messages("not tagged", "not tagged, will be retried", "vCenter took longer than TIMEOUT={:g} seconds")

if __name__ == "__main__":
    sys.exit(run_file(HANDLER, "pytag", MESSAGES))
