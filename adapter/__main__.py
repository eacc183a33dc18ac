"""``python -m adapter`` is ``vcenter-source``."""

from adapter.cli import main

main()
