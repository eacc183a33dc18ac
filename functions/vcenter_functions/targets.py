"""The vCenters that a function may act in, as they are configured now, and which of them an event is of."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from vcenter_functions.errors import OtherVcenterError, SettingsError
from vcenter_functions.origin import Server, find_server, parse_server
from vcenter_functions.target import Target, create_target
from vcenter_functions.vcenters_file import VcentersFile, VcentersFileError, parse_vcenters

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_functions.settings import FunctionSettings

REFRESH_SECONDS = 1.0
"""The least time between two looks at the file."""

MAX_NAMES = 10
"""How many vCenters a message names."""

log = structlog.get_logger()

ByServer = Mapping[Server, Target]


class Targets:
    """The vCenter of VCENTER_URL, or those of VCENTERS_FILE, which is read again while the function runs.

    ``clock`` is monotonic, in seconds. Raises SettingsError for a file that cannot be used.
    """

    def __init__(self, settings: "FunctionSettings", clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = settings.timeout
        self._clock = clock
        self._looked = clock()
        self._file: VcentersFile[ByServer] | None = None
        if settings.vcenters_file is None:
            self._origin = settings.origin
            self._current: ByServer = {self._origin.own: settings.target}
            return
        try:
            self._file = VcentersFile(settings.vcenters_file, self._parse)
        except VcentersFileError as exc:
            raise SettingsError(str(exc)) from exc
        self._current = self._file.vcenters

    @property
    def is_file(self) -> bool:
        """Whether they are those of VCENTERS_FILE."""
        return self._file is not None

    @property
    def problem(self) -> str:
        """Why the file is not used as it is now; empty while it is."""
        return self._file.problem if self._file is not None else ""

    def list(self) -> tuple[Target, ...]:
        """Return all, as they are configured now."""
        return tuple(self.read().values())

    def read(self) -> ByServer:
        """Return all by their servers: the same object as long as none has changed."""
        self._refresh()
        return self._current

    def find_of(self, event: "BaseCloudEvent") -> Target:
        """Return the vCenter that an event is of. Raises OtherVcenterError, as ``find``."""
        return self.find(find_server(event))

    def find(self, server: Server | None) -> Target:
        """Return the vCenter at a server; for None, the one that there is.

        Raises OtherVcenterError for a server that is not configured, and for None if there are several.
        """
        self._refresh()
        if self._file is None:
            self._origin.check_server(server)
            return next(iter(self._current.values()))
        if server is None and len(self._current) > 1:
            raise OtherVcenterError(
                f"the event's source names no vCenter, and VCENTERS_FILE has several: {self._describe()}; "
                "set the source to the https://HOST/sdk of one"
            )
        target = next(iter(self._current.values())) if server is None else self._current.get(server)
        if target is None:
            raise OtherVcenterError(
                f"the event is of the vCenter {server}, and VCENTERS_FILE has only {self._describe()}: "
                f"add {server} to the file, or narrow the Trigger's filter to sources in it"
            )
        return target

    def _describe(self) -> str:
        """Name the vCenters of the file, each with its server."""
        named = [f"{target.name} ({server})" for server, target in list(self._current.items())[:MAX_NAMES]]
        more = len(self._current) - len(named)
        return ", ".join(named) + (f" and {more} more" if more else "")

    def _refresh(self) -> None:
        if self._file is None or self._clock() - self._looked < REFRESH_SECONDS:
            return
        self._looked = self._clock()
        if self._file.refresh():
            before, now = ({target.name for target in each.values()} for each in (self._current, self._file.vcenters))
            self._current = self._file.vcenters
            log.info("the vCenters have changed", added=sorted(now - before), removed=sorted(before - now))

    def _parse(self, content: bytes, path: Path) -> ByServer:
        targets = (create_target(entry, self._timeout) for entry in parse_vcenters(content, path))
        return {server: target for target in targets if (server := parse_server(target.base_url)) is not None}
