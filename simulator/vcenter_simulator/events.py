"""Events on their way into the history: pyVmomi's event objects become bodies ready for the wire."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from vcenter_simulator.changes import Changes
from vcenter_simulator.history import Body, History, Record
from vcenter_simulator.inventory import Entity, Inventory
from vcenter_simulator.messages import EXTENDED, category, full_message
from vcenter_simulator.soap import serialise
from vcenter_simulator.vijson.writing import write_event_tail
from vcenter_simulator.vmomi import EVENT_VERSION, reference, vim, vim_type, vmodl, wire_name

# The base class's arguments, the most specific first, each with the name of the reference inside it.
_ARGUMENTS = (
    ("vm", "vm"),
    ("host", "host"),
    ("ds", "datastore"),
    ("net", "network"),
    ("dvs", "dvs"),
    ("computeResource", "computeResource"),
    ("datacenter", "datacenter"),
)
# The history dates an event when it is posted; the serializer wants a date before.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER_NUMBERS = "</createdTime>"


class Events:
    """The way into the history; whoever waits for a change is woken at each event.

    ``on_post`` is called with each pyVmomi event that was posted, and its record.
    """

    def __init__(self, inventory: Inventory, changes: Changes) -> None:
        self.inventory = inventory
        self.changes = changes
        self.history = History()
        self.on_post: Callable[[Any, Record], None] = lambda *_: None

    def post(self, event: Any, user: str, chain_id: int | None = None) -> Record:
        """Post a pyVmomi event: vCenter sets its key, time and user, and its message where it has none."""
        record = self.post_body(self.body(event, user), chain_id)
        self.on_post(event, record)
        return record

    def post_body(self, body: Body, chain_id: int | None = None) -> Record:
        """Post a body that was made before."""
        record = self.history.post(body, chain_id=chain_id)
        self.changes.note()
        return record

    def body(self, event: Any, user: str) -> Body:
        """Make a pyVmomi event ready for posting."""
        event.key = event.chainId = 0
        event.createdTime = _EPOCH
        event.userName = user
        event.fullFormattedMessage = event.fullFormattedMessage or full_message(event)
        class_name = wire_name(type(event))
        about = next(find_ids(event), None)
        return Body(
            class_name,
            _tail(event, class_name),
            write_event_tail(event),
            frozenset({class_name, getattr(event, "eventTypeId", None) or class_name}),
            frozenset(wire_name(kind) for kind in type(event).__mro__ if issubclass(kind, vim.event.Event)),
            user=user,
            category=_category(event, class_name),
            about=about,
            within=frozenset(self._above(event)) - {about},
        )

    def _above(self, event: Any) -> Iterator[str]:
        """Every object that the event lies beneath: those it names, their parents, and a VM's resource pools."""
        for moid in find_ids(event):
            yield moid
            entity = self.inventory.objects.get(moid)
            if entity is None:
                continue
            for start in (entity, entity.link("resourcePool")):
                yield from (above.moid for above in (start.lineage() if start else ()))


def find_ids(event: Any) -> Iterator[str]:
    """The ids that the event names, the most specific first. An EventEx and an AlarmEvent name their object apart."""
    if object_id := getattr(event, "objectId", None):
        yield object_id
    if entity := getattr(getattr(event, "entity", None), "entity", None):
        yield str(entity._GetMoId())  # noqa: SLF001  pyVmomi's only way
    for argument, inner in _ARGUMENTS:
        value = getattr(event, argument)
        if value is not None:
            yield str(getattr(value, inner)._GetMoId())  # noqa: SLF001  pyVmomi's only way


def _tail(event: Any, class_name: str) -> str:
    xml = serialise(event, class_name, type(event), EVENT_VERSION)
    return xml[xml.index(_AFTER_NUMBERS) + len(_AFTER_NUMBERS) : -len(f"</{class_name}>")]


def _category(event: Any, class_name: str) -> str:
    """A class's category, or an EventEx's own severity, or that of its eventTypeId."""
    known = EXTENDED.get(getattr(event, "eventTypeId", None) or "")
    return str(getattr(event, "severity", None) or (known[0] if known else category(class_name)))


def arguments_for(entity: Entity) -> dict[str, Any]:
    """The event arguments that vCenter fills in for something that happens to this object: it and what is above it."""
    found: dict[str, Any] = {}
    for start in (entity, entity.link("host")):
        for above in start.lineage() if start else ():
            if above.type in _MAKERS:
                name, make = _MAKERS[above.type]
                found.setdefault(name, make(above))
    return found


def _maker(kind: Any, inner: str) -> Any:
    return lambda entity: kind(name=entity.name, **{inner: reference(entity.type, entity.moid)})


_MAKERS = {
    "VirtualMachine": ("vm", _maker(vim.event.VmEventArgument, "vm")),
    "HostSystem": ("host", _maker(vim.event.HostEventArgument, "host")),
    "ClusterComputeResource": (
        "computeResource",
        _maker(vim.event.ComputeResourceEventArgument, "computeResource"),
    ),
    "Datacenter": ("datacenter", _maker(vim.event.DatacenterEventArgument, "datacenter")),
    "Datastore": ("ds", _maker(vim.event.DatastoreEventArgument, "datastore")),
    "Network": ("net", _maker(vim.event.NetworkEventArgument, "network")),
}


def entity_argument(entity: Entity) -> Any:
    """Any object as the events of alarms and custom fields name it."""
    return vim.event.ManagedEntityEventArgument(name=entity.name, entity=reference(entity.type, entity.moid))


def alarm_argument(name: str, moid: str) -> Any:
    """An alarm as an event names it."""
    return vim.event.AlarmEventArgument(name=name, alarm=reference("Alarm", moid))


def folder_argument(entity: Entity) -> Any:
    """A folder as an event names it."""
    return vim.event.FolderEventArgument(name=entity.name, folder=reference(entity.type, entity.moid))


def pool_argument(entity: Entity) -> Any:
    """A resource pool as an event names it."""
    return vim.event.ResourcePoolEventArgument(name=entity.name, resourcePool=reference(entity.type, entity.moid))


def revert_event(machine: Entity, name: str, number: int) -> Any:
    """The event of a virtual machine that is as it was in a snapshot of this name and number."""
    arguments = {"snapshotName": name, "snapshotId": str(number)}
    return vim.event.EventEx(
        eventTypeId="com.vmware.vc.vm.VmStateRevertedToSnapshot",
        arguments=[vmodl.KeyAnyValue(key=key, value=value) for key, value in arguments.items()],
        objectId=machine.moid,
        objectType=vim_type(machine.type),
        objectName=machine.name,
        **arguments_for(machine),
    )
