"""The settings: environment variables and mounted secret files, read once into one frozen value.

Each setting is documented once, in the docstring under it; docs/settings.md is made of these.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from vcenter_functions.net.sockets import ANYWHERE, LOOPBACK
from vcenter_source.settings.sink import ListenHost, SinkSettings, either, read, split
from vcenter_source.settings.vcenter import VcenterSettings

NOT_OURS = frozenset({"id", "source", "type", "specversion", "subject", "time", "datacontenttype", "dataschema"})
"""Attributes that say what an event is: no override changes them. Those that begin with ``knative`` are Knative's."""


OBJECT_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""``[namespace/]name`` of a Kubernetes object (RFC 1123's label and subdomain)."""


NOWHERE = "nowhere:"
"""Stands where a sink's address does, for events that are only looked at; no environment can set it."""

LEAST_TOKEN = 16
"""Characters of VIEWER_TOKEN: what nobody guesses."""


_AGO = re.compile(
    r"-(?=\d)(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LONGEST = 5
"""Digits of one number in START_FROM: 99999 days are 273 years."""


class Settings(SinkSettings, VcenterSettings):
    """Everything that can be set for ``vcenter-source run``."""

    ce_overrides: Annotated[Mapping[str, str], NoDecode, either("K_CE_OVERRIDES")] = {}
    """Extension attributes for every CloudEvent, `{"extensions":{"key":"value"}}`; Knative sets it."""

    start_from: Annotated[Literal["now", "beginning"] | datetime | timedelta, either("START_FROM")] = "now"
    """Where to begin without a checkpoint: `now`, `beginning` (all that vCenter still holds), a time such as
    `2026-01-31T08:00:00Z`, a date (its first moment, in UTC), or how long ago: `-1h`, `-90m`, `-7d`, `-1d12h`."""

    event_types: Annotated[tuple[str, ...], NoDecode, either("EVENT_TYPES")] = ()
    """Which events to send, comma-separated: CloudEvents types, event type ids, or class names, which stand for the
    classes derived from them too; `*` is a wildcard. Unset: all. Without a wildcard, vCenter itself does the
    filtering. What is no type is refused, and a pattern that matches none of vCenter's is warned of."""

    event_format: Annotated[Literal["vcenter", "veba"], either("EVENT_FORMAT")] = "vcenter"
    """`vcenter`: VMware's published JSON. `veba`: the types and the PascalCase data that functions and Triggers
    written for VMware's event broker expect."""

    max_in_flight: Annotated[int, either("MAX_IN_FLIGHT")] = Field(default=64, ge=1, le=10_000)
    """How many events may be on their way to the sink at once. Events about one object never overtake each other;
    `1` keeps the order of all."""

    batch: Annotated[int, either("BATCH")] = Field(default=1, ge=1, le=10_000)
    """How many events one request may hold, in CloudEvents' JSON batch format: for a webhook that takes it. A Knative
    Broker does not. Only what may be on its way at once goes together, so `MAX_IN_FLIGHT` has to be as much. `1`: each
    event has a request of its own."""

    retry_max_duration: Annotated[float | None, either("RETRY_MAX_DURATION")] = Field(default=None, gt=0)
    """Seconds that an event is tried, after which also one whose failure could pass goes to the dead letter. Unset: for
    ever, which keeps the order of events and waits for a sink however long it is away."""

    sink_wait: Annotated[float, either("SINK_WAIT")] = Field(default=30.0, ge=0)
    """Seconds that a pod started without `K_SINK` stays, not ready, before it ends with exit code 2: Knative sets the
    variable by putting other pods in its place. Outside a pod it ends at once, unless this is set."""

    poison_max_tries: Annotated[int | None, either("POISON_MAX_TRIES")] = Field(default=None, ge=2)
    """How often an event is tried that an HTTP sink fails again and again (5xx, no answer) while it accepts others,
    after which it goes to the dead letter. A try counts only where another event got through since the one before; a
    sink that is away for all costs no event anything. With `MAX_IN_FLIGHT=1` none ever does: `RETRY_MAX_DURATION` is
    for that. Unset: for ever. For functions it is `OPENFAAS_MAX_TRIES`."""

    read_overlap: Annotated[float, either("READ_OVERLAP")] = Field(default=600.0, ge=1)
    """Seconds of vCenter's time that are read again whenever reading begins anew, to find what was stored late, as by a
    host that was cut off. An event stored later than that may be missed. What was read in this time is remembered, in
    some 170 bytes an event: 100 events a second take 10 MB."""

    checkpoint: Annotated[str, either("CHECKPOINT")] = "memory:"
    """Where the position is kept over a restart: `file:///path`, `configmap://[namespace/]name` for a Kubernetes
    ConfigMap, or `memory:` for not at all."""

    checkpoint_interval: Annotated[float, either("CHECKPOINT_INTERVAL")] = Field(default=1.0, gt=0)
    """Seconds between two saves of the checkpoint, at least. It is also saved at a clean stop."""

    lease: Annotated[str | None, either("LEASE")] = None
    """A Kubernetes Lease, `[namespace/]name`. Of the adapters that share it, and a `CHECKPOINT`, one delivers and the
    others stand by. While the API server is away, nobody can be sure of it and nothing is delivered. Unset: this one
    delivers."""

    lease_duration: Annotated[int, either("LEASE_DURATION")] = Field(default=12, ge=1)
    """Seconds without a renewal after which another adapter takes the Lease over. It is renewed every 2/15 of them; who
    could not renew it for 2/3 of them stops delivering."""

    drain_timeout: Annotated[float, either("DRAIN_TIMEOUT")] = Field(default=20.0, ge=0)
    """Seconds that a stop waits for events on their way; keep it under the pod's terminationGracePeriodSeconds."""

    health_host: Annotated[ListenHost, either("HEALTH_HOST")] = ANYWHERE  # probes come from outside the pod
    """The address on which `/healthz`, `/readyz` and `/metrics` are served. `::` is every one, of IPv6 and IPv4."""

    health_port: Annotated[int | None, either("HEALTH_PORT")] = Field(default=8081, ge=0, le=65535)
    """Their port. `0` takes any free one, which the log names; `off` serves nothing, as does `--sink -` where this is
    not set."""

    health_stale_after: Annotated[float, either("HEALTH_STALE_AFTER")] = Field(default=60.0, gt=0)
    """Seconds that vCenter may be out of reach, an event wait while the sink accepts none, or the checkpoint be
    unsaved, before `/readyz` answers 503."""

    viewer: Annotated[str | None, either("VIEWER")] = None
    """Where the event viewer is served, a port of this machine alone or `host:port`; port `0` takes any free one, which
    the log names. Unset: nowhere. `kubectl port-forward` reaches it in a pod."""

    viewer_token: Annotated[SecretStr | None, either("VIEWER_TOKEN")] = None
    """What the viewer asks for before it shows anything, 16 characters or more; required where `VIEWER` is not a
    loopback address. It is sent as it is, so put TLS in front of such an address."""

    viewer_history: Annotated[int, either("VIEWER_HISTORY")] = Field(default=10_000, ge=1, le=100_000)
    """How many of the last events the viewer holds, of 64 MiB at most; each takes some 2 kB of memory."""

    trace_url_template: Annotated[str | None, either("TRACE_URL_TEMPLATE")] = None
    """Where a person sees a trace, for a link in the viewer, such as `http://jaeger.example.com/trace/{trace_id}`."""

    trace_api_template: Annotated[str | None, either("TRACE_API_TEMPLATE")] = None
    """Where the viewer reads the other processes' spans of a trace as OTLP JSON, such as
    `http://jaeger:16686/api/v3/traces/{trace_id}`. Unset: it shows this process's own."""

    @field_validator("viewer")
    @classmethod
    def _served_at(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = split(f"//{value}" if ":" in value else f"//{LOOPBACK}:{value}")
        try:
            bare = parts.geturl() == f"//{parts.netloc}" and "@" not in parts.netloc
            if bare and parts.hostname and parts.port is not None:
                return parts.netloc
        except ValueError:  # the port
            pass
        raise ValueError("not a port or host:port")

    @field_validator("trace_url_template", "trace_api_template")
    @classmethod
    def _template(cls, value: str | None) -> str | None:
        if value is not None and ("{trace_id}" not in value or split(value).scheme not in {"http", "https"}):
            raise ValueError("not an http or https address with {trace_id} in it")
        return value

    @model_validator(mode="after")
    def _viewer_closed(self) -> Self:
        token = self.viewer_token
        if self.viewer is not None and token is None and not is_loopback(self.viewer_address[0]):
            raise ValueError(
                f"VIEWER_TOKEN: not set; {self.viewer} can be reached by others: set it, or VIEWER to a port"
            )
        if token is not None and len(token.get_secret_value()) < LEAST_TOKEN:
            raise ValueError(f"VIEWER_TOKEN: too short; set {LEAST_TOKEN} characters or more")
        return self

    @field_validator("lease")
    @classmethod
    def _object_name(cls, value: str | None) -> str | None:
        if value is not None and not OBJECT_NAME.fullmatch(value):
            raise ValueError("not [namespace/]name, of lower-case letters, digits, - and .")
        return value

    @model_validator(mode="after")
    def _place_shared(self) -> Self:
        if self.lease is not None and self.checkpoint == "memory:":
            raise ValueError("LEASE: takes a CHECKPOINT that the next holder can read, such as configmap://name")
        return self

    @field_validator("ce_overrides", mode="before")
    @classmethod
    def _extensions(cls, value: object) -> object:
        """Knative's JSON to attribute names as CloudEvents writes them; context attributes are not ours to override."""
        if not isinstance(value, str):
            return value
        try:
            extensions = json.loads(value).get("extensions") or {}
            lowered = {k.lower(): str(v) for k, v in extensions.items() if v is not None}
            return {k: v for k, v in lowered.items() if k not in NOT_OURS and not k.startswith("knative")}
        except (ValueError, AttributeError) as exc:
            raise ValueError('not JSON of the form {"extensions":{"key":"value"}}') from exc

    @field_validator("ce_overrides")
    @classmethod
    def _extension_names(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name in value:
            if name == "data":
                raise ValueError("data is no extension attribute (CloudEvents 1.0, 3.1)")
            if not (name.isascii() and name.isalnum() and len(name) <= 20):  # noqa: PLR2004  CloudEvents 1.0, 3.1
                raise ValueError(f"{name!r} is no attribute name; use at most 20 letters a-z and digits")
        return value

    @field_validator("event_types", mode="before")
    @classmethod
    def _patterns(cls, value: object) -> object:
        return tuple(p for p in map(str.strip, value.split(",")) if p) if isinstance(value, str) else value

    @field_validator("health_port", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return None if value == "off" else value

    @field_validator("start_from", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        text = value.strip()
        return text.lower() if text.lower() in {"now", "beginning"} else ago(text) or time_with_zone(text)

    @property
    def viewer_address(self) -> tuple[str, int]:
        """Host and port of the viewer."""
        parts = urlsplit(f"//{self.viewer}")
        return parts.hostname or "", parts.port or 0

    @property
    def serves_health_on(self) -> int | None:
        """The port of the admin server. A first look with ``--sink -`` must not fail because 8081 is taken."""
        return None if self.sink == "-" and "health_port" not in self.model_fields_set else self.health_port


def ago(text: str) -> timedelta | None:
    """How long before now, of a text such as ``-1d12h``; None where it is none. Raises ValueError."""
    found = _AGO.fullmatch(text)
    if found is None:
        return None
    long = timedelta(0)
    for unit, number in found.groupdict(default="0").items():
        if len(number) > _LONGEST:
            raise ValueError("more than any vCenter remembers; set beginning")
        long += timedelta(**{unit: int(number)})
    return long


def time_with_zone(text: str) -> datetime:
    """A time, or the first moment of a date in UTC. Raises ValueError."""
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


def is_loopback(host: str) -> bool:
    """Whether this name or address means this very machine, wherever it is resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def to_view(vcenter: str | None, hours: float, port: int) -> Settings:
    """The settings of ``vcenter-source view``: those of the environment, but nothing is sent, kept or served besides.

    Raises ConfigurationError.
    """
    settings = load(vcenter_url=vcenter)
    own = {"sink": NOWHERE, "checkpoint": "memory:", "lease": None, "dead_letter_sink": None, "dead_letter_path": None}
    served = {"health_port": None, "viewer": settings.viewer or f"{LOOPBACK}:{port}"}
    since = settings.start_from if settings.start_from != "now" else datetime.now(UTC) - timedelta(hours=hours)
    return settings.model_copy(update={**own, **served, "start_from": since})


def load(**overrides: Any) -> Settings:
    """Read the environment; ``overrides`` are settings by field name from the command line.

    Raises ConfigurationError with every wrong setting named, in one line.
    """
    return read(Settings, overrides)
