"""The two formats of events, EVENT_FORMAT, and the CloudEvents types that each has. Pure."""

import re
from typing import Literal

EventFormat = Literal["vcenter", "veba"]

TYPE_PREFIX = "com.vmware.event."
"""What every CloudEvents type of the format ``vcenter`` starts with."""

EVENT_ID_PREFIX = f"{TYPE_PREFIX}ex."
"""What the type of an EventEx or ExtendedEvent starts with; the event type id follows, verbatim."""

VEBA_PREFIX = "com.vmware.vsphere."
"""What every type of the format ``veba`` starts with."""

VEBA_TYPE_PATTERN = re.compile(r"com\.vmware\.vsphere\.(.+)\.v0")
"""A type of the format ``veba``; the group is the class or the event type id."""


def veba_type(name: str) -> str:
    """Return the CloudEvents type in the format ``veba`` of a class or an event type id."""
    return f"{VEBA_PREFIX}{name}.v0"
