"""What ``doctor`` asks a vCenter, beyond what the stream needs. It blocks: see ``client``."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pyVmomi import vim

from vcenter_source.core.event import Event
from vcenter_source.vcenter.collector import build_event_filter
from vcenter_source.vcenter.decode import decode_page
from vcenter_source.vcenter.failures import vcenter_errors
from vcenter_source.vcenter.session import Session

VIEW, READ = "System.View", "System.Read"
"""What reading events takes on the root folder; the role Read-Only has both (EventManager.CreateCollectorForEvents)."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """vCenter's clock, and ours just before and after it was asked."""

    before: datetime
    said: datetime
    after: datetime

    @property
    def ahead(self) -> float:
        """Seconds that vCenter's clock is ahead of ours, as little as the reading allows."""
        if self.before <= self.said <= self.after:
            return 0.0
        return (self.said - (self.after if self.said > self.after else self.before)).total_seconds()


def read_product(session: Session) -> str:
    """The product with its version and build: ``VMware vCenter Server 8.0.3 build-24022515``."""
    return str(session.content.about.fullName)


def read_clock_offset(session: Session) -> ClockOffset:
    """Both clocks at once."""
    before = datetime.now(UTC)
    return ClockOffset(before, session.current_time(), datetime.now(UTC))


def read_privileges(session: Session) -> Mapping[str, bool]:
    """Which of the privileges for reading events the session has on the root folder."""
    content = session.content
    with vcenter_errors(session.host):
        key = content.sessionManager.currentSession.key
        try:
            answer = content.authorizationManager.HasPrivilegeOnEntities([content.rootFolder], key, [VIEW, READ])
        except vim.fault.NoPermission as exc:  # to ask takes these privileges, too
            return {VIEW: exc.privilegeId != VIEW, READ: False}
    return {each.privId: bool(each.isGranted) for entity in answer for each in entity.privAvailability}


def can_see_below_root(session: Session) -> bool:
    """Whether anything below the root folder is visible: not where a permission on it does not propagate."""
    with vcenter_errors(session.host):
        return bool(session.content.rootFolder.childEntity)


def read_oldest_event(session: Session) -> Event | None:
    """The oldest event that a collector gives out; None where it gives none."""
    with vcenter_errors(session.host):
        collector = session.content.eventManager.CreateCollectorForEvents(build_event_filter(None, ()))
        try:
            answer = session.stub.call_raw(collector, "ReadNext", 1)
        finally:
            with suppress(Exception):
                collector.DestroyCollector()
    return next(iter(decode_page(answer)), None)
