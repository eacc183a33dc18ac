"""What ``doctor`` asks a vCenter, beyond what reading events needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyVmomi import vim

from vcenter_source.core.event import Event
from vcenter_source.vcenter.paging import MAX_PAGE_BYTES, READ_TIMEOUT
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.soap import SoapWire
from vcenter_source.vcenter.wire import EventQuery

VIEW, READ = "System.View", "System.Read"
"""The privileges on the root folder to read events; the role Read-Only has both (CreateCollectorForEvents)."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """vCenter's clock, and ours just before and after the call."""

    before: datetime
    reported: datetime
    after: datetime

    @property
    def ahead(self) -> float:
        """The least number of seconds by which vCenter's clock can be ahead of ours."""
        if self.before <= self.reported <= self.after:
            return 0.0
        return (self.reported - (self.after if self.reported > self.after else self.before)).total_seconds()


async def read_clock_offset(session: Session) -> ClockOffset:
    """Read both clocks at once."""
    before = datetime.now(UTC)
    return ClockOffset(before, await session.current_time(), datetime.now(UTC))


async def read_privileges(session: Session) -> Mapping[str, bool]:
    """Read which privileges for reading events the session has on the root folder."""
    with session.errors():
        return await session.soap.run(partial(_read_privileges, session.soap))


def _read_privileges(wire: SoapWire) -> Mapping[str, bool]:
    content = wire.content
    key = content.sessionManager.currentSession.key
    try:
        answer = content.authorizationManager.HasPrivilegeOnEntities([content.rootFolder], key, [VIEW, READ])
    except vim.fault.NoPermission as exc:  # the question itself needs these privileges
        return {VIEW: exc.privilegeId != VIEW, READ: False}
    return {privilege.privId: bool(privilege.isGranted) for entity in answer for privilege in entity.privAvailability}


async def can_see_below_root(session: Session) -> bool:
    """Return whether anything below the root folder is visible: not if the permission does not propagate."""
    with session.errors():
        content = session.soap.content
        return await session.soap.run(lambda: bool(content.rootFolder.childEntity))


async def read_oldest_events(session: Session, count: int) -> list[Event]:
    """Read the oldest events of a collector, at most ``count``."""
    with session.errors():
        collector = await session.wire.create_collector(EventQuery(), READ_TIMEOUT)
        try:
            return list(await collector.read_next(count, READ_TIMEOUT, MAX_PAGE_BYTES))
        finally:
            await session.free(collector.objects)
