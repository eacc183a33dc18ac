"""The settings of the adapter's programs, each area a frozen value of its own."""

from datetime import UTC, datetime, timedelta

from vcenter_functions.net.sockets import LOOPBACK
from vcenter_source.settings.environment import ProgramSettings, read_program
from vcenter_source.settings.events import EventSettings
from vcenter_source.settings.log import LogSettings
from vcenter_source.settings.serving import HealthSettings, ViewerSettings
from vcenter_source.settings.sink import (
    DISCARD,
    STANDARD_OUTPUT,
    DeadLetterSettings,
    DeliverySettings,
    RetrySettings,
    SinkSettings,
)
from vcenter_source.settings.state import IN_MEMORY, StateSettings
from vcenter_source.settings.vcenter import VcenterSettings


class Settings(ProgramSettings):
    """Everything that can be set for ``vcenter-source run``."""

    vcenter: VcenterSettings
    events: EventSettings
    sink: SinkSettings
    delivery: DeliverySettings
    retry: RetrySettings
    dead_letters: DeadLetterSettings
    state: StateSettings
    health: HealthSettings
    viewer: ViewerSettings
    log: LogSettings

    @property
    def poison_max_tries(self) -> int | None:
        """POISON_MAX_TRIES for an HTTP sink. An OpenFaaS sink counts the tries itself, for each function."""
        return None if self.sink.is_openfaas else self.retry.poison_max_tries

    @property
    def health_port(self) -> int | None:
        """The port of the admin server. A first look with ``--sink -`` must not fail because 8081 is taken."""
        is_default = "port" not in self.health.model_fields_set
        return None if self.sink.address == STANDARD_OUTPUT and is_default else self.health.port


class ReplaySettings(ProgramSettings):
    """Everything that can be set for ``vcenter-source dead-letters``."""

    sink: SinkSettings
    retry: RetrySettings
    dead_letters: DeadLetterSettings
    log: LogSettings


def load(**overrides: str | None) -> Settings:
    """Read the environment; ``overrides`` are variables from the command line, None if not given.

    Raises ConfigurationError with every wrong setting named, in one line.
    """
    return read_program(Settings, **overrides)


def load_for_view(vcenter: str | None, hours: float, port: int) -> Settings:
    """Read the settings of ``vcenter-source view``: those of the environment, but nothing is sent, kept or served else.

    Raises ConfigurationError.
    """
    settings = load(VCENTER_URL=vcenter)
    events, viewer = settings.events, settings.viewer
    if events.start_from == "now":
        events = events.model_copy(update={"start_from": datetime.now(UTC) - timedelta(hours=hours)})
    return settings.model_copy(
        update={
            "sink": settings.sink.model_copy(update={"address": DISCARD}),
            "dead_letters": settings.dead_letters.model_copy(update={"sink": None, "path": None}),
            "state": settings.state.model_copy(update={"checkpoint": IN_MEMORY, "lease": None}),
            "health": settings.health.model_copy(update={"port": None}),
            "events": events,
            "viewer": viewer.model_copy(update={"address": viewer.address or f"{LOOPBACK}:{port}"}),
        }
    )
