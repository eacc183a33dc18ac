"""The settings of sinks: where events go, how often they are tried, and where those go that cannot be delivered."""

import os
import re
import ssl
import sys
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from vcenter_functions.net.addresses import check_port
from vcenter_source.settings.environment import EnvironmentSettings, either, split_address

OPENFAAS = "openfaas+"
"""The prefix of an OpenFaaS gateway's address where an HTTP sink's address could stand, too."""

STANDARD_OUTPUT = "-"
"""Stands in place of a sink's address to print events."""

DISCARD = "nowhere:"
"""Stands in place of a sink's address for events that are only looked at; no environment can set it."""

OIDC_TOKEN = Path("/oidc/token")
"""Where Knative's SinkBinding mounts a token for the sink, if the sink's address has an audience."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


def validate_sink_address(value: str | None) -> str | None:
    """Check that a sink can have this address. Raises ValueError."""
    if value is None or value == STANDARD_OUTPUT:
        return value
    parts = split_address(value.removeprefix(OPENFAAS))
    if parts.scheme not in {"http", "https"} or not parts.hostname or "\\" in parts.netloc:
        raise ValueError("not an http or https address; set one such as http://host:8080")
    check_port(parts)
    if value.startswith(OPENFAAS) and "@" in parts.netloc:
        raise ValueError("the gateway's credentials are read from files; set basic_auth and secret_mount_path")
    return value


SinkAddress = Annotated[str | None, AfterValidator(validate_sink_address)]


class SinkSettings(EnvironmentSettings):
    """Where events go, and how they are sent."""

    address: Annotated[SinkAddress, either("K_SINK")] = None
    """Where the CloudEvents go, an http or https address; Knative sets it. `-` prints them, one JSON object per line.
    An OpenFaaS gateway's address has `openfaas+` before it, such as `openfaas+http://gateway.openfaas:8080`."""

    ca_certs: Annotated[str | None, either("K_CA_CERTS")] = None
    """PEM certificates to trust for the sink, in addition to the system's and the bundles that Knative mounts; Knative
    sets it."""

    timeout: Annotated[float, either("SINK_TIMEOUT")] = Field(default=330.0, gt=0)
    """Seconds to wait for the sink's answer. The default is long, because a Broker on an InMemoryChannel answers only
    after every Trigger's delivery and retries have ended."""

    wait: Annotated[float, either("SINK_WAIT")] = Field(default=30.0, ge=0)
    """Seconds that a pod without `K_SINK` waits, not ready, before it ends with exit code 2: Knative sets the variable
    in a new pod that replaces it. Outside a pod, the adapter ends at once unless this is set."""

    max_event_bytes: Annotated[int, either("MAX_EVENT_BYTES")] = Field(default=1_000_000, ge=1)
    """The largest event that is sent to the sink, data and attributes in bytes; a larger one goes to the dead letter. A
    Kafka Broker refuses more than 1 MiB with a 503, as if a retry could help; the default leaves room for what a Broker
    adds. Every CloudEvents intermediary accepts 64 KiB, but not every one accepts more."""

    batch: Annotated[int, either("BATCH")] = Field(default=1, ge=1, le=10_000)
    """How many events one request may hold, in CloudEvents' JSON batch format, for a webhook that accepts it; a Knative
    Broker does not. Only events that are in flight together share a request, so `MAX_IN_FLIGHT` has to be at least as
    large. `1`: each event has a request of its own."""

    @field_validator("ca_certs")
    @classmethod
    def _extract_certificates(cls, value: str | None) -> str | None:
        """Keep the certificates alone: OpenSSL accepts the other text of a bundle, in any language, in files only."""
        if value is None:
            return None
        certificates = "\n".join(_CERTIFICATE.findall(value))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
        except (ssl.SSLError, ValueError) as exc:  # the latter if there is no certificate
            raise ValueError("not PEM certificates") from exc
        return certificates

    @property
    def is_remote(self) -> bool:
        """Whether events go to an address. Without one, they go nowhere or are printed."""
        return self.address not in {None, STANDARD_OUTPUT}

    @property
    def is_openfaas(self) -> bool:
        """Whether the sink is an OpenFaaS gateway."""
        return self.address is not None and self.address.startswith(OPENFAAS)

    def for_dead_letters(self, address: str) -> Self:
        """Return the settings of a dead letter sink at this address: any size, one event a request."""
        return self.model_copy(update={"address": address, "max_event_bytes": sys.maxsize, "batch": 1})

    def for_replay(self) -> Self:
        """Return the settings to send dead letters again: one event a request."""
        return self.model_copy(update={"batch": 1})

    @property
    def token_file(self) -> Path | None:
        """Where the token for the sink may be mounted. It is meant for the address in K_SINK, and sent to no other."""
        if self.address != os.environ.get("K_SINK") or "@" in urlsplit(self.address or "").netloc:
            return None
        return OIDC_TOKEN


class DeadLetterSettings(EnvironmentSettings):
    """Where events go that the sink refuses for good."""

    sink: Annotated[SinkAddress, either("DEAD_LETTER_SINK")] = None
    """Where events go that the sink refuses for good, an http or https address; they carry Knative's
    `knativeerrordest`, `knativeerrorcode` and `knativeerrordata`. If neither this nor `DEAD_LETTER_PATH` is set, such
    an event is never dropped but retried for ever, and in the end holds up the stream."""

    path: Annotated[Path | None, either("DEAD_LETTER_PATH")] = None
    """A folder for such events, on a volume that outlives the pod, as lines of JSON; `vcenter-source dead-letters`
    shows them and sends them again. If `DEAD_LETTER_SINK` is set too, the folder gets the events that this sink does
    not accept."""

    max_bytes: Annotated[int, either("DEAD_LETTER_MAX_BYTES")] = Field(default=256 * 1024 * 1024, ge=1)
    """The most bytes that this folder may hold. When it is full, events are held as if no folder were set."""

    @field_validator("sink")
    @classmethod
    def _check_http(cls, value: str | None) -> str | None:
        if value == STANDARD_OUTPUT:
            raise ValueError("only K_SINK can be printed; set an http or https address")
        if value is not None and value.startswith(OPENFAAS):
            raise ValueError("only K_SINK can be an OpenFaaS gateway; set an http or https address")
        return value


class RetrySettings(EnvironmentSettings):
    """How often and for how long an event is tried."""

    max_delay: Annotated[float, either("RETRY_MAX_DELAY")] = Field(default=30.0, gt=0)
    """The longest wait, in seconds, between two tries of one event, even if the sink's Retry-After asks for more."""

    max_duration: Annotated[float | None, either("RETRY_MAX_DURATION")] = Field(default=None, gt=0)
    """Seconds after which an event goes to the dead letter even if a retry could succeed. Unset: it is retried for
    ever, which keeps the order of events and waits for a sink however long it is away."""

    poison_max_tries: Annotated[int | None, either("POISON_MAX_TRIES")] = Field(default=None, ge=2)
    """How often an event is tried before it goes to the dead letter, if an HTTP sink fails it again and again (5xx, no
    answer) while it accepts others. A try counts only if another event got through since the try before, so a sink that
    is away for all events costs none of them a try. With `MAX_IN_FLIGHT=1` no other event can get through; use
    `RETRY_MAX_DURATION` there. Unset: it is retried for ever. For functions, use `OPENFAAS_MAX_TRIES`."""


class DeliverySettings(EnvironmentSettings):
    """How many events are in flight at once, and how long a stop waits for them."""

    max_in_flight: Annotated[int, either("MAX_IN_FLIGHT")] = Field(default=64, ge=1, le=10_000)
    """How many events may be in flight to the sink at once. Events about one object never overtake each other; `1`
    keeps the order of all events."""

    drain_timeout: Annotated[float, either("DRAIN_TIMEOUT")] = Field(default=20.0, ge=0)
    """Seconds that a stop waits for events in flight; keep it below the pod's terminationGracePeriodSeconds."""
