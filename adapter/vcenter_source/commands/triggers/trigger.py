"""``vcenter-source trigger``: a Trigger for some types of event, ready for kubectl."""

import sys
from typing import TextIO

from vcenter_source.triggers.builder import TriggerRequest, build_trigger
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.values import ValueChecker


def print_trigger(
    request: TriggerRequest, catalog: EventCatalog, out: TextIO = sys.stdout, err: TextIO = sys.stderr
) -> None:
    """Print the Trigger as YAML, and on ``err`` what may be wrong with it. Raises ConfigurationError."""
    manifest, warnings = build_trigger(request, ValueChecker(catalog))
    for warning in warnings:
        print(f"vcenter-source: {warning.message}", file=err)
    print(manifest, end="", file=out)
