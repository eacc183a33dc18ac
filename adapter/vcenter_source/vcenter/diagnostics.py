"""What ``doctor`` asks a vCenter, beyond what reading events needs. Calls block: see ``client``."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pyVmomi import vim

from vcenter_source.core.event import Event
from vcenter_source.vcenter.collector import build_event_filter
from vcenter_source.vcenter.decode import decode_page
from vcenter_source.vcenter.session import Session

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


def read_product(session: Session) -> str:
    """Read the product with version and build: ``VMware vCenter Server 8.0.3 build-24022515``."""
    return str(session.content.about.fullName)


def read_clock_offset(session: Session) -> ClockOffset:
    """Read both clocks at once."""
    before = datetime.now(UTC)
    return ClockOffset(before, session.current_time(), datetime.now(UTC))


def read_privileges(session: Session) -> Mapping[str, bool]:
    """Read which privileges for reading events the session has on the root folder."""
    content = session.content
    with session.errors():
        key = content.sessionManager.currentSession.key
        try:
            answer = content.authorizationManager.HasPrivilegeOnEntities([content.rootFolder], key, [VIEW, READ])
        except vim.fault.NoPermission as exc:  # the question itself needs these privileges
            return {VIEW: exc.privilegeId != VIEW, READ: False}
    return {privilege.privId: bool(privilege.isGranted) for entity in answer for privilege in entity.privAvailability}


def can_see_below_root(session: Session) -> bool:
    """Return whether anything below the root folder is visible: not if the permission does not propagate."""
    with session.errors():
        return bool(session.content.rootFolder.childEntity)


def read_oldest_event(session: Session) -> Event | None:
    """Read the oldest event of a collector; None if there is none."""
    with session.errors():
        collector = session.content.eventManager.CreateCollectorForEvents(build_event_filter(None, ()))
        try:
            answer = session.stub.call_raw(collector, "ReadNext", 1)
        finally:
            with suppress(Exception):
                collector.DestroyCollector()
    return next(iter(decode_page(answer)), None)
