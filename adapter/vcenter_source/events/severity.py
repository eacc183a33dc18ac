"""How bad an event is. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Literal

Severity = Literal["INFO", "WARN", "ERROR"]

_SEVERITIES: dict[str, Severity] = {"info": "INFO", "user": "INFO", "warning": "WARN", "error": "ERROR"}
_ERROR_NAME = re.compile(r"Error|Fail|error|fail")
_WARNING_NAME = re.compile(r"Warning|warning")


def derive_severity(class_name: str, data: Mapping[str, Any], categories: Mapping[str, str] | None = None) -> Severity:
    """Return the severity of an event.

    An EventEx carries its own. For the rest vCenter has a category for each class and eventTypeId, which
    ``categories`` maps (EventManager.description.eventInfo: info, warning, error, user). Without either the name
    decides: one with "Error" or "Fail" is an ERROR, one with "Warning" a WARN, everything else INFO.
    """
    name = str(data.get("eventTypeId") or class_name)
    own = data.get("severity") if class_name == "EventEx" else None
    for category in (own, (categories or {}).get(name)):
        if str(category).lower() in _SEVERITIES:
            return _SEVERITIES[str(category).lower()]
    if _ERROR_NAME.search(name):
        return "ERROR"
    return "WARN" if _WARNING_NAME.search(name) else "INFO"
