"""The settings of what programs serve: probes and metrics, the event viewer, and where events are accepted."""

from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from vcenter_functions.net.sockets import ANYWHERE, LOOPBACK
from vcenter_source.settings.environment import EnvironmentSettings, ListenHost, either, split_address

MIN_TOKEN_LENGTH = 16
"""Characters of VIEWER_TOKEN: enough that nobody guesses it."""


class HealthSettings(EnvironmentSettings):
    """Where health and metrics are served, and what counts as unhealthy."""

    host: Annotated[ListenHost, either("HEALTH_HOST")] = ANYWHERE  # probes come from outside the pod
    """The address on which `/healthz`, `/readyz` and `/metrics` are served. `::` is every address, IPv6 and IPv4."""

    port: Annotated[int | None, either("HEALTH_PORT")] = Field(default=8081, ge=0, le=65535)
    """The port of these pages. `0` takes any free port, which the log names; `off` serves nothing. With `--sink -`,
    `off` is the default."""

    stale_after: Annotated[float, either("HEALTH_STALE_AFTER")] = Field(default=60.0, gt=0)
    """Seconds before `/readyz` answers 503 while vCenter is out of reach, an event waits and the sink accepts none, or
    the checkpoint cannot be saved."""

    @field_validator("port", mode="before")
    @classmethod
    def _read_off(cls, value: object) -> object:
        return None if value == "off" else value


class EventServerSettings(EnvironmentSettings):
    """Where a program accepts events over HTTP, and the limits for them."""

    host: Annotated[ListenHost, either("HOST")] = ANYWHERE  # events come from outside the pod
    """The address to listen on, for events, `/healthz` and `/readyz`, and for the shim's `/metrics`; `::` is every
    address, IPv6 and IPv4."""

    port: Annotated[int, either("PORT")] = Field(default=8080, ge=0, le=65535)
    """The port to listen on; `0` takes any free port, which the log names."""

    max_body_bytes: Annotated[int, either("MAX_BODY_BYTES")] = Field(default=1_048_576, ge=1)
    """The largest event that is read, in bytes."""

    drain_timeout: Annotated[float, either("DRAIN_TIMEOUT")] = Field(default=20.0, ge=0)
    """Seconds that a stop waits for events in progress; keep it under the pod's terminationGracePeriodSeconds."""


class ViewerSettings(EnvironmentSettings):
    """Where the event viewer is served, to whom, and what it shows."""

    address: Annotated[str | None, either("VIEWER")] = None
    """Where the event viewer is served: a port, for this machine alone, or `host:port`; port `0` takes any free port,
    which the log names. Unset: it is not served. `kubectl port-forward` reaches it in a pod."""

    token: Annotated[SecretStr | None, either("VIEWER_TOKEN")] = None
    """The password of the viewer, 16 characters or more; required if `VIEWER` is not a loopback address. It is sent
    unencrypted, so put TLS in front of such an address."""

    history: Annotated[int, either("VIEWER_HISTORY")] = Field(default=10_000, ge=1, le=100_000)
    """How many of the last events the viewer keeps, in at most 64 MiB; each takes some 2 kB of memory."""

    trace_url_template: Annotated[str | None, either("TRACE_URL_TEMPLATE")] = None
    """The address of a trace for people, for a link in the viewer, such as
    `http://jaeger.example.com/trace/{trace_id}`."""

    trace_api_template: Annotated[str | None, either("TRACE_API_TEMPLATE")] = None
    """Where the viewer reads the other processes' spans of a trace as OTLP JSON, such as
    `http://jaeger:16686/api/v3/traces/{trace_id}`. Unset: it shows only this process's spans."""

    @field_validator("address")
    @classmethod
    def _complete_address(cls, value: str | None) -> str | None:
        """Make a port alone an address of the loopback."""
        if value is None:
            return None
        parts = split_address(f"//{value}" if ":" in value else f"//{LOOPBACK}:{value}")
        try:
            bare = parts.geturl() == f"//{parts.netloc}" and "@" not in parts.netloc
            if bare and parts.hostname and parts.port is not None:
                return parts.netloc
        except ValueError:  # the port
            pass
        raise ValueError("not a port or host:port; set one such as 8082")

    @field_validator("trace_url_template", "trace_api_template")
    @classmethod
    def _check_template(cls, value: str | None) -> str | None:
        if value is not None and ("{trace_id}" not in value or split_address(value).scheme not in {"http", "https"}):
            raise ValueError(
                "not an http or https address with {trace_id} in it; set one such as http://jaeger:16686/trace/{trace_id}"
            )
        return value

    @model_validator(mode="after")
    def _check_token(self) -> Self:
        if self.address is not None and self.token is None and not is_loopback(self.bind_address[0]):
            raise ValueError(
                f"VIEWER_TOKEN: not set; other hosts can reach {self.address}: set it, or set VIEWER to a port alone"
            )
        if self.token is not None and len(self.token.get_secret_value()) < MIN_TOKEN_LENGTH:
            raise ValueError(f"VIEWER_TOKEN: too short; set {MIN_TOKEN_LENGTH} characters or more")
        return self

    @property
    def bind_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        parts = urlsplit(f"//{self.address}")
        return parts.hostname or "", parts.port or 0


def is_loopback(host: str) -> bool:
    """Return whether this name or address means this very machine, wherever it is resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
