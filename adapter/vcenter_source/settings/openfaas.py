"""Settings of the OpenFaaS gateway. Names in lower case are those that OpenFaaS's own connectors read."""

import ssl
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from vcenter_functions.net.addresses import check_port
from vcenter_functions.net.tls import create_client_context
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.settings.environment import (
    EnvironmentSettings,
    ProgramSettings,
    either,
    lower_case,
    split_address,
    trim,
)
from vcenter_source.settings.log import LogSettings
from vcenter_source.settings.serving import EventServerSettings

Invocation = Literal["async", "sync"]


class GatewaySettings(EnvironmentSettings):
    """The gateway, and how functions are invoked, by ``openfaas-shim`` and ``run --sink openfaas+http://…``."""

    address: Annotated[str, either("OPENFAAS_URL")] = "http://gateway.openfaas:8080"
    """The gateway's http or https address. With `run`, `--sink` names it instead."""

    ca_certs: Annotated[str | None, either("K_CA_CERTS")] = None
    """PEM certificates to trust for the gateway, in addition to the system's."""

    basic_auth: Annotated[bool, either("basic_auth")] = False
    """`true` or `1`: the gateway asks for a user name and password."""

    secret_mount_path: Annotated[Path, either("secret_mount_path")] = Path("/run/secrets")
    """The folder with the files `basic-auth-user` and `basic-auth-password`, as the Secret `basic-auth` is mounted.
    They are read whenever the functions are, so rotated credentials need no restart."""

    topic_map_interval: Annotated[float, either("TOPIC_MAP_INTERVAL")] = Field(default=10.0, gt=0)
    """Seconds between two readings of the functions and their topics."""

    invocation: Annotated[Invocation, BeforeValidator(lower_case), either("OPENFAAS_INVOCATION")] = "async"
    """`async`: the gateway queues the event and answers 202, so a slow function holds nothing up. `sync`: the function
    itself has to answer 2xx. A function's annotation `topic-invocation` takes precedence."""

    invocation_timeout: Annotated[float, either("OPENFAAS_TIMEOUT")] = Field(default=60.0, gt=0)
    """Seconds to wait for the answer to an invocation."""

    concurrency: Annotated[int, either("OPENFAAS_CONCURRENCY")] = Field(default=64, ge=1)
    """How many invocations of one function may be in progress at once; the others wait, and hold up no other
    function."""

    max_tries: Annotated[int, either("OPENFAAS_MAX_TRIES")] = Field(default=5, ge=1)
    """How often an event is tried with a function that itself fails (500, say), before the event goes to the dead
    letter. If the gateway cannot reach the function (429, 502, 503, 504, no answer), it is tried for as long as it
    takes. If the queue fails with an event (500: it is too large, say), tries count while the queue accepts others."""

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        parts = split_address(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "not an http or https address without a user name; set one such as http://gateway.openfaas:8080"
            )
        if parts.query or parts.fragment:
            raise ValueError("a gateway's address has no query or fragment; remove ? or # and what follows")
        check_port(parts)
        return value.rstrip("/")

    @field_validator("ca_certs")
    @classmethod
    def _check_certificates(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                create_client_context(ca_certs=value)
            except ssl.SSLError as exc:
                raise ValueError("not PEM certificates") from exc
        return value

    def authorization(self) -> dict[str, str]:
        """Build the header for the gateway's lists from the files as they are now; empty if it asks for no credentials.

        Raises ConfigurationError.
        """
        if not self.basic_auth:
            return {}
        folder = self.secret_mount_path
        pair = f"{_read_mounted(folder / 'basic-auth-user')}:{_read_mounted(folder / 'basic-auth-password')}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}  # RFC 7617


def _read_mounted(file: Path) -> str:
    """Read a file, trimmed as OpenFaaS's own connectors do."""
    try:
        return trim(file.read_text(encoding="utf-8")).strip()
    except OSError as exc:
        raise ConfigurationError(f"secret_mount_path: cannot read {file}: {exc.strerror}") from exc
    except UnicodeDecodeError:  # it quotes a byte of the password, so it is not chained
        raise ConfigurationError(f"secret_mount_path: {file} is not UTF-8 text") from None


class ShimServerSettings(EventServerSettings):
    """Where the shim accepts events, and the limits for them. These settings are for the shim only."""

    health_stale_after: Annotated[float, either("HEALTH_STALE_AFTER")] = Field(default=60.0, gt=0)
    """Seconds that the gateway may be out of reach before `/readyz` answers 503. The last topic map stays in use."""


class ShimSettings(ProgramSettings):
    """Everything that can be set for ``vcenter-source openfaas-shim``."""

    gateway: GatewaySettings
    server: ShimServerSettings
    log: LogSettings
