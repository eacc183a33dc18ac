"""The settings of events: where to begin, which ones to send, and in what form."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from vcenter_source.settings.environment import EnvironmentSettings, either, lower_case

RESERVED_ATTRIBUTES = frozenset(
    {"id", "source", "type", "specversion", "subject", "time", "datacontenttype", "dataschema"}
)
"""Attributes that identify an event: no override changes them. Those that begin with ``knative`` are Knative's."""

_AGO = re.compile(
    r"-(?=\d)(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MAX_DIGITS = 5
"""Digits of one number in START_FROM: 99999 days are 273 years."""


class EventSettings(EnvironmentSettings):
    """Which events are read, and what their CloudEvents look like."""

    extensions: Annotated[Mapping[str, str], NoDecode, either("K_CE_OVERRIDES")] = {}
    """Extension attributes for every CloudEvent, `{"extensions":{"key":"value"}}`; Knative sets it."""

    start_from: Annotated[Literal["now", "beginning"] | datetime | timedelta, either("START_FROM")] = "now"
    """Where to begin without a checkpoint: `now`, `beginning` (all that vCenter still holds), a time such as
    `2026-01-31T08:00:00Z`, a date (its first moment, in UTC), or how long ago: `-1h`, `-90m`, `-7d`, `-1d12h`."""

    types: Annotated[tuple[str, ...], NoDecode, either("EVENT_TYPES")] = ()
    """Which events to send, comma-separated: CloudEvents types, whole or short (`vm.poweredon`), event type ids, or
    class names, which include derived classes; `*` is a wildcard. Unset: all. Without a wildcard, vCenter itself
    filters. An unknown type is refused; a pattern that matches none of vCenter's types causes a warning."""

    format: Annotated[Literal["vcenter", "veba"], BeforeValidator(lower_case), either("EVENT_FORMAT")] = "vcenter"
    """`vcenter`: VMware's published JSON. `veba`: the types and the PascalCase data that functions and Triggers
    written for VMware's event broker expect."""

    read_overlap: Annotated[float, either("READ_OVERLAP")] = Field(default=600.0, ge=1)
    """Seconds of vCenter's time that are read again whenever reading begins anew, to find events that were stored late,
    for example by a host that was cut off. An event stored later than that may be missed. The events of this time are
    remembered, in some 170 bytes each: 100 events a second take 10 MB."""

    @field_validator("extensions", mode="before")
    @classmethod
    def _read_extensions(cls, value: object) -> object:
        """Read Knative's JSON into attribute names as CloudEvents writes them; drop the reserved ones."""
        if not isinstance(value, str):
            return value
        try:
            extensions = json.loads(value).get("extensions") or {}
            lowered = {k.lower(): str(v) for k, v in extensions.items() if v is not None}
            return {k: v for k, v in lowered.items() if k not in RESERVED_ATTRIBUTES and not k.startswith("knative")}
        except (ValueError, AttributeError) as exc:
            raise ValueError('not JSON of the form {"extensions":{"key":"value"}}') from exc

    @field_validator("extensions")
    @classmethod
    def _check_names(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name in value:
            if name == "data":
                raise ValueError("data is not an extension attribute; use another name (CloudEvents 1.0, 3.1)")
            if not (name.isascii() and name.isalnum() and len(name) <= 20):  # noqa: PLR2004  CloudEvents 1.0, 3.1
                raise ValueError(f"{name!r} is not an attribute name; use at most 20 letters a-z and digits")
        return value

    @field_validator("types", mode="before")
    @classmethod
    def _split_patterns(cls, value: object) -> object:
        return tuple(p for p in map(str.strip, value.split(",")) if p) if isinstance(value, str) else value

    @field_validator("start_from", mode="before")
    @classmethod
    def _read_start(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        text = value.strip()
        return text.lower() if text.lower() in {"now", "beginning"} else parse_ago(text) or parse_time_with_zone(text)


def parse_ago(text: str) -> timedelta | None:
    """Read how long ago, such as ``-1d12h``; None if the text has another form. Raises ValueError."""
    match = _AGO.fullmatch(text)
    if match is None:
        return None
    duration = timedelta(0)
    for unit, number in match.groupdict(default="0").items():
        if len(number) > _MAX_DIGITS:
            raise ValueError("longer ago than any vCenter remembers; set beginning")
        duration += timedelta(**{unit: int(number)})
    return duration


def parse_time_with_zone(text: str) -> datetime:
    """Read a time, or the first moment of a date in UTC. Raises ValueError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "set now, beginning, a time such as 2026-01-31T08:00:00Z, a date, or how long ago, such as -1h"
        ) from None
    if _DATE.fullmatch(text):
        return time.replace(tzinfo=UTC)
    if time.tzinfo is None:
        raise ValueError("a time needs its zone, such as a Z at its end")
    return time
