"""What functions share, so that a function is the handlers of its events.

    kit            a handler.py, served: ``python -m vcenter_functions handler.py``
    registry       ``@on``, and which handler gets which event; event_types and parameters check what it says
    dispatcher     an event's way to its handlers; resources has what they are given, once what was handled
    event_runner   an event within its span, its vCenter, its slot and its time; metrics counts
    server         HTTP: routes, probes, and the status that a failure becomes; http_limits bounds each request
    vcenter/       sessions with vCenter's REST API
    tracing        the spans of an event
    event          the event that a handler gets; cloudevent reads it; catalog knows vCenter's classes
    text_template  texts with the fields of an event in them
    batches        many events at the same time, one call
    http_answers   what the answer of a web service means for an event; smtp sends email
    origin         which server an event names; targets has the vCenters as they are configured, target is one
    settings       what can be set; logs sets the log up
    vcenters_file  the file that VCENTERS_FILE names
    login          credentials, and when to try again after a refusal
    errors         what can go wrong, named for what to do about it
    otel/, net/    OpenTelemetry's variables; TLS, proxies and sockets

The adapter uses ``otel``, ``net``, ``login`` and ``spelling`` as well.

Importing this module imports none of them: each name below is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vcenter_functions.errors import PermanentError, TemporaryError
    from vcenter_functions.event import Event
    from vcenter_functions.reference import ManagedObjectReference
    from vcenter_functions.registry import on
    from vcenter_functions.vcenter.api import VCenter

__all__ = ["Event", "ManagedObjectReference", "PermanentError", "TemporaryError", "VCenter", "on"]

__version__ = "0.2.0"
"""The version of the whole distribution: here, since the functions' image comes without its metadata."""

_MODULES = {
    "Event": "event",
    "ManagedObjectReference": "reference",
    "PermanentError": "errors",
    "TemporaryError": "errors",
    "VCenter": "vcenter.api",
    "on": "registry",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
