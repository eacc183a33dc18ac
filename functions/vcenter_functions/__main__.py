"""``python -m vcenter_functions handler.py``: serve the handlers of a file."""

from vcenter_functions.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below

import sys

from vcenter_functions.kit import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
