"""Every class of vCenter's events, by its name: ``from vcenter_functions.events import VmPoweredOnEvent``.

    @on(VmPoweredOnEvent)
    async def greet(event: VmPoweredOnEvent) -> None:
        print(event.vm.name, event.host.name)

A class is made when it is first imported. ``events.pyi`` beside this file tells type checkers and editors what each one
has; docs/tools/event_catalog.py writes it from pyVmomi's metadata.
"""

from typing import Any

from vcenter_functions.catalog import list_classes
from vcenter_functions.typed_events import find_event_type


def __getattr__(name: str) -> Any:
    """Return the class of this name (PEP 562)."""
    found = find_event_type(name)
    if found is None:
        raise AttributeError(f"vCenter has no event class {name!r}")
    return found


def __dir__() -> list[str]:
    """List the classes."""
    return sorted(list_classes())
