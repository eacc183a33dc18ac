"""EventManager and EventHistoryCollector; the rules of collectors stand in vcenter_simulator.history."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vcenter_simulator.call import Call
from vcenter_simulator.event_page import EventPage
from vcenter_simulator.history import DEFAULT_PAGE, MAX_PAGE, Cursor, EventFilter, Record
from vcenter_simulator.inventory import Inventory
from vcenter_simulator.sessions import Session
from vcenter_simulator.vmomi import reference, vim, vmodl, wire_name

MAX_COLLECTORS = 32


@dataclass(slots=True, eq=False)
class EventCollector:
    """An EventHistoryCollector of one session; ``spec`` is the EventFilterSpec that it was made with."""

    moid: str
    spec: Any
    cursor: Cursor
    type: str = "EventHistoryCollector"

    def page(self, records: list[Record]) -> EventPage:
        """Records as this collector gives them out."""
        return EventPage(records, full_message=not self.spec.disableFullMessage)


def create_collector(call: Call, spec: Any) -> Any:
    """EventManager.CreateCollectorForEvents. Raises InvalidState beyond 32 collectors in the session."""
    session = call.owner
    if len(session.of_kind(EventCollector)) >= MAX_COLLECTORS:
        raise vim.fault.InvalidState(msg="The session has as many event collectors as it may have.")
    collector = EventCollector(create_id(session), spec, _cursor(call, spec))
    session.objects[collector.moid] = collector
    return reference(collector.type, collector.moid)


def create_id(session: Session) -> str:
    """An id as vCenter makes it for what belongs to a session."""
    return f"session[{session.key}]{uuid.uuid4()}"


def query(call: Call, spec: Any) -> EventPage:
    """EventManager.QueryEvents: the newest 1000 matches at most, oldest first."""
    cursor = _cursor(call, spec)
    cursor.set_page_size(spec.maxCount or MAX_PAGE)
    return EventPage(reversed(cursor.latest_page()), full_message=not spec.disableFullMessage)


def _cursor(call: Call, spec: Any) -> Cursor:
    size = _page_size(spec.maxCount if spec.maxCount is not None else DEFAULT_PAGE, "filter.maxCount", least=0)
    return Cursor(call.vcenter.events.history, event_filter(spec, call.vcenter.inventory), size or DEFAULT_PAGE)


def event_filter(spec: Any, inventory: Inventory) -> EventFilter:
    """An EventFilterSpec as a filter. Raises ManagedObjectNotFound for an entity that is not there."""
    time, entity = spec.time, spec.entity
    return EventFilter(
        names=frozenset(spec.eventTypeId) or None,
        kinds=frozenset(wire_name(kind) for kind in spec.type) or None,
        begin=_moment(time and time.beginTime),
        end=_moment(time and time.endTime),
        users=_users(spec.userName),
        categories=frozenset(spec.category) or None,
        chain_id=spec.eventChainId or None,
        **(_entity(entity, inventory) if entity else {}),
    )


def _entity(by_entity: Any, inventory: Inventory) -> dict[str, Any]:
    moid = by_entity.entity._GetMoId()  # noqa: SLF001  pyVmomi's only way
    if moid not in inventory.objects:
        raise vmodl.fault.ManagedObjectNotFound(obj=by_entity.entity, msg="The filter's entity does not exist.")
    return {"entity": moid, "recursion": str(by_entity.recursion), "everywhere": moid == inventory.root.moid}


def _moment(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _users(by_user: Any) -> frozenset[str] | None:
    if by_user is None:
        return None
    return frozenset(by_user.userList) | (frozenset({""}) if by_user.systemUser else frozenset())


def post_event(call: Call, event: Any, _task: Any) -> None:
    """EventManager.PostEvent."""
    call.vcenter.events.post(event, call.user)


def _page_size(count: int, name: str, least: int = 1) -> int:
    if not least <= count <= MAX_PAGE:
        raise vmodl.fault.InvalidArgument(
            invalidProperty=name, msg=f"A specified parameter was not correct: {name} (1 to {MAX_PAGE} is allowed)"
        )
    return count


async def read_next(call: Call, count: int) -> EventPage:
    """EventHistoryCollector.ReadNextEvents."""
    collector: EventCollector = call.target
    await call.vcenter.faults.pause(call.vcenter.faults.per_event * count)
    return collector.page(collector.cursor.read_next(_page_size(count, "maxCount")))


def read_previous(call: Call, count: int) -> EventPage:
    """EventHistoryCollector.ReadPreviousEvents."""
    collector: EventCollector = call.target
    return collector.page(collector.cursor.read_previous(_page_size(count, "maxCount")))


def set_page_size(call: Call, count: int) -> None:
    """HistoryCollector.SetCollectorPageSize."""
    call.target.cursor.set_page_size(_page_size(count, "maxCount"))
    call.vcenter.changes.note()


def destroy_collector(call: Call) -> None:
    """HistoryCollector.DestroyCollector."""
    del call.owner.objects[call.target.moid]
    call.vcenter.changes.note()


METHODS: dict[str, Callable[..., Any]] = {
    "CreateCollectorForEvents": create_collector,
    "QueryEvents": query,
    "PostEvent": post_event,
    "ReadNextEvents": read_next,
    "ReadPreviousEvents": read_previous,
    "SetCollectorPageSize": set_page_size,
    "RewindCollector": lambda call: call.target.cursor.rewind(),
    "ResetCollector": lambda call: call.target.cursor.reset(),
    "DestroyCollector": destroy_collector,
}
