"""``python -m vcenter_source`` is ``vcenter-source``."""

from vcenter_source.cli import main

main()
