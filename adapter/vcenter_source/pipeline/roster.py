"""The vCenters that this process reads: the one of VCENTER_URL, or those in VCENTERS_FILE, which may change."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from vcenter_functions.login import Credentials, CredentialsError
from vcenter_functions.vcenters_file import SETTING, VcenterEntry, VcentersFile, VcentersFileError, parse_vcenters
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.events import EventSettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.vcenter import VcenterConfig


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One vCenter, and which of its events are sent, from when on."""

    vcenter: VcenterConfig
    events: EventSettings


class Roster(Protocol):
    """The vCenters to read."""

    @property
    def vcenters(self) -> Sequence[RosterEntry]:
        """The vCenters as they were when they last could be read."""

    @property
    def problem(self) -> str:
        """Why the file as it is now cannot be used; empty while it can."""

    def refresh(self) -> bool:
        """Look again; return whether the vCenters are others now, or their credentials."""


@dataclass(frozen=True, slots=True)
class FixedRoster:
    """Vcenters that stay the same."""

    vcenters: Sequence[RosterEntry]
    problem: str = ""

    def refresh(self) -> bool:
        """Return False."""
        return False


def open_roster(settings: Settings) -> Roster:
    """Return the vCenters of the settings. Raises ConfigurationError for a file that cannot be used."""
    if settings.vcenter.file is None:
        return FixedRoster([RosterEntry(settings.vcenter.require_one(), settings.events)])
    try:
        return VcentersFile(settings.vcenter.file, partial(parse_roster, events=settings.events))
    except VcentersFileError as exc:
        raise ConfigurationError(str(exc)) from exc


def parse_roster(content: bytes, path: Path, events: EventSettings) -> tuple[RosterEntry, ...]:
    """Read the content of VCENTERS_FILE; ``events`` holds for what an entry does not say. Raises VcentersFileError."""
    roster: list[RosterEntry] = []
    problems: list[str] = []
    for entry in parse_vcenters(content, path):
        try:
            roster.append(_configure(entry, events))
        except ConfigurationError as exc:
            problems.append(f"{entry.name}: {name_keys(str(exc))}")
    if problems:
        raise VcentersFileError(f"{SETTING}: {path}: {'; '.join(problems)}")
    return tuple(roster)


def _configure(entry: VcenterEntry, events: EventSettings) -> RosterEntry:
    find_vcenter_proxy(entry.url)

    def read_credentials() -> Credentials:
        try:
            return entry.credentials()
        except CredentialsError as exc:
            raise ConfigurationError(f"{SETTING}: {entry.name}: {exc}") from exc

    names, protocol = entry.setting_names, entry.protocol
    vcenter = VcenterConfig(
        entry.name, entry.url, read_credentials, entry.ca_file, entry.insecure, names, protocol=protocol
    )
    return RosterEntry(vcenter, _read_events(entry, events))


def _read_events(entry: VcenterEntry, events: EventSettings) -> EventSettings:
    """Return the settings of an entry's events. Raises ConfigurationError."""
    own = read_area(EventSettings, START_FROM=entry.start_from, EVENT_TYPES=entry.event_types)
    TypeFilter(own.types)
    given = {"start_from": entry.start_from, "types": entry.event_types}
    return events.model_copy(update={name: getattr(own, name) for name, value in given.items() if value is not None})


def name_keys(message: str) -> str:
    """Call the settings in a message as the file calls them."""
    return message.replace("START_FROM", "startFrom").replace("EVENT_TYPES", "eventTypes")
