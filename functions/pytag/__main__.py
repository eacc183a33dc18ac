"""``python -m pytag``: serve pytag, and end with an exit code that says how it went."""

from vcenter_functions.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below

import sys

from pytag.handler import PYTAG
from vcenter_functions.function import run

if __name__ == "__main__":
    sys.exit(run(PYTAG))
