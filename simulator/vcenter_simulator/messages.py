"""What vCenter writes of each event: its full message, its category, its description in EventManager.description.

The formats of the common events are vCenter's own, with its placeholders (``{vm.name}``). The other classes get a
message made of their name and objects, which is enough for a simulator. Of an EventEx vCenter lists
``eventTypeId|format`` under the key EventEx.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from vcenter_simulator.vmomi import types, vim, vim_type, wire_name

FORMATS = {
    "AlarmAcknowledgedEvent": "Acknowledged alarm '{alarm.name}' on {entity.name}",
    "AlarmActionTriggeredEvent": "Alarm '{alarm.name}' on {entity.name} triggered an action",
    "AlarmClearedEvent": "Manually cleared alarm '{alarm.name}' on {entity.name} from {from}",
    "AlarmCreatedEvent": "Created alarm '{alarm.name}' on {entity.name}",
    "AlarmEmailCompletedEvent": "Alarm '{alarm.name}' on {entity.name} sent email to {to}",
    "AlarmReconfiguredEvent": "Reconfigured alarm '{alarm.name}' on {entity.name}",
    "AlarmRemovedEvent": "Removed alarm '{alarm.name}' on {entity.name}",
    "AlarmSnmpCompletedEvent": "Alarm '{alarm.name}': an SNMP trap for entity {entity.name} was sent",
    "AlarmStatusChangedEvent": "Alarm '{alarm.name}' on {entity.name} changed from {from} to {to}",
    "BadUsernameSessionEvent": "Cannot login {userName}@{ipAddress}",
    "ClusterReconfiguredEvent": "Reconfigured cluster {computeResource.name} in datacenter {datacenter.name}",
    "CustomFieldDefAddedEvent": "Created new custom field definition {name}",
    "CustomFieldDefRemovedEvent": "Removed field definition {name}",
    "CustomFieldDefRenamedEvent": "Renamed field definition from {name} to {newName}",
    "CustomFieldValueChangedEvent": "Changed custom field {name} on {entity.name} in {datacenter.name} to {value}",
    "DatastoreCapacityIncreasedEvent": (
        "Datastore {datastore.name} increased in capacity from {oldCapacity} bytes to {newCapacity} bytes in "
        "{datacenter.name}"
    ),
    "DatacenterRenamedEvent": "Renamed datacenter from {oldName} to {newName}",
    "DrsVmMigratedEvent": (
        "DRS migrated {vm.name} from {sourceHost.name} to {host.name} in cluster {computeResource.name} in "
        "{datacenter.name}"
    ),
    "DrsVmPoweredOnEvent": "DRS powered on {vm.name} on {host.name} in {datacenter.name}",
    "DatastoreRenamedEvent": "Renamed datastore from {oldName} to {newName} in {datacenter.name}",
    "EnteringMaintenanceModeEvent": "Host {host.name} in {datacenter.name} has started to enter maintenance mode",
    "ExitMaintenanceModeEvent": "Host {host.name} in {datacenter.name} has exited maintenance mode",
    "EnteredMaintenanceModeEvent": "Host {host.name} in {datacenter.name} has entered maintenance mode",
    "GeneralUserEvent": "User logged event: {message}",
    "HostConnectionLostEvent": "Host {host.name} in {datacenter.name} is not responding",
    "ResourcePoolCreatedEvent": (
        "Created resource pool {resourcePool.name} in compute-resource {computeResource.name} in {datacenter.name}"
    ),
    "ResourcePoolDestroyedEvent": (
        "Removed resource pool {resourcePool.name} on {computeResource.name} in {datacenter.name}"
    ),
    "ResourcePoolReconfiguredEvent": (
        "Updated configuration for {resourcePool.name} in compute-resource {computeResource.name} in {datacenter.name}"
    ),
    "TaskEvent": "Task: {info.descriptionId}",
    "UserLoginSessionEvent": "User {userName}@{ipAddress} logged in as {userAgent}",
    "UserLogoutSessionEvent": (
        "User {userName}@{ipAddress} logged out (login time: {loginTime}, number of API invocations: {callCount}, "
        "user agent: {userAgent})"
    ),
    "VmBeingClonedEvent": (
        "Cloning {vm.name} on {host.name}, {ds.name} in {datacenter.name} to {destName} on {destHost.name}"
    ),
    "VmBeingCreatedEvent": "Creating {vm.name} on {host.name}, {ds.name} in {datacenter.name}",
    "VmBeingHotMigratedEvent": (
        "Migrating {vm.name} from {host.name}, {ds.name} to {destHost.name}, {destDatastore.name} in {datacenter.name}"
    ),
    "VmBeingRelocatedEvent": (
        "Relocating {vm.name} in {datacenter.name} from {host.name}, {ds.name} to {destHost.name}, {destDatastore.name}"
    ),
    "VmClonedEvent": "Clone of {sourceVm.name} completed",
    "VmCreatedEvent": "Created virtual machine {vm.name} on {host.name}, {ds.name} in {datacenter.name}",
    "VmEmigratingEvent": "Migrating {vm.name} off host {host.name} in {datacenter.name}",
    "VmInstanceUuidAssignedEvent": "Assign a new instance UUID ({instanceUuid}) to {vm.name}",
    "VmMigratedEvent": (
        "Migration of virtual machine {vm.name} from {sourceHost.name}, {sourceDatastore.name} to {host.name}, "
        "{ds.name} completed"
    ),
    "VmRelocatedEvent": "Completed the relocation of the virtual machine",
    "VmResumingEvent": "{vm.name} on {host.name} in {datacenter.name} is resumed",
    "VmSuspendingEvent": "{vm.name} on {host.name} in {datacenter.name} is being suspended",
    "VmUuidAssignedEvent": "Assigned new BIOS UUID ({uuid}) to {vm.name} on {host.name} in {datacenter.name}",
    "VmFailedToPowerOnEvent": "Cannot power on {vm.name} on {host.name} in {datacenter.name}. {reason.msg}",
    "VmMessageWarningEvent": "Warning message on {vm.name} on {host.name} in {datacenter.name}: {message}",
    "VmPoweredOffEvent": "{vm.name} on {host.name} in {datacenter.name} is powered off",
    "VmPoweredOnEvent": "{vm.name} on {host.name} in {datacenter.name} is powered on",
    "VmReconfiguredEvent": "Reconfigured {vm.name} on {host.name} in {datacenter.name}",
    "VmRenamedEvent": "Renamed {vm.name} from {oldName} to {newName} in {datacenter.name}",
    "VmResettingEvent": "{vm.name} on {host.name} in {datacenter.name} is reset",
    "VmRestartedOnAlternateHostEvent": (
        "Virtual machine {vm.name} was restarted on {host.name} since {sourceHost.name} failed"
    ),
    "VmStartingEvent": "{vm.name} on host {host.name} in {datacenter.name} is starting",
    "VmStoppingEvent": "{vm.name} on {host.name} in {datacenter.name} is stopping",
    "VmSuspendedEvent": "{vm.name} on {host.name} in {datacenter.name} is suspended",
}

# eventTypeId -> category and format, a dozen of the about 1,750 that vCenter 8.0U3 knows.
EXTENDED = {
    "com.vmware.vc.HA.ClusterFailoverActionCompletedEvent": ("info", "HA completed a failover in {datacenter.name}"),
    "com.vmware.vc.HA.DasHostFailedEvent": ("error", "vSphere HA detected a host failure: {host.name}"),
    "com.vmware.vc.StatelessAlertEvent": ("warning", "Stateless alert on {host.name}"),
    "com.vmware.vc.VmDiskConsolidatedEvent": ("info", "Virtual machine {vm.name} disks consolidated successfully"),
    "com.vmware.vc.authorization.NoPermission": ("error", "Insufficient privileges"),
    "com.vmware.vc.certmgr.HostCaCertsAndCrlsUpdatedEvent": ("info", "CA certificates were updated on {host.name}"),
    "com.vmware.vc.host.problem.vpxaNotRespondingEvent": ("warning", "The agent on {host.name} does not respond"),
    "com.vmware.vc.rbd.activateRuleSet": ("info", "Activate rule set"),
    "com.vmware.vc.sdrs.CanceledDatastoreMaintenanceModeEvent": ("info", "Maintenance mode of {ds.name} was canceled"),
    "com.vmware.vc.vm.VmStateRevertedToSnapshot": (
        "info",
        (
            "Execution state on VM {vm.name} on host {host.name}, in {datacenter.name} has been reverted to the state "
            "of snapshot {snapshotName}, with ID {snapshotId}"
        ),
    ),
    "esx.problem.net.connectivity.lost": ("error", "Lost network connectivity on {host.name}"),
    "vim.event.LicenseExpiryWarning": ("warning", "A license is about to expire"),
}

# Classes with subclasses that vCenter posts nevertheless; the others with subclasses are abstract.
_CONCRETE_PARENTS = {
    "ClusterOvercommittedEvent", "ClusterStatusChangedEvent", "CustomizationFailed", "DvsHealthStatusChangeEvent",
    "EnteredStandbyModeEvent", "EnteringStandbyModeEvent", "ExitStandbyModeFailedEvent", "ExitedStandbyModeEvent",
    "ExitingStandbyModeEvent", "TaskEvent", "VmDasBeingResetEvent", "VmMigratedEvent", "VmPoweredOffEvent",
    "VmPoweredOnEvent", "VmStartingEvent",
}  # fmt: skip

# The first pattern found in the class name decides.
_CATEGORIES = (
    (re.compile(r"User(Event|Assigned|Unassigned)"), "user"),
    (re.compile(r"Warning|NotResponding|Overcommitted|OutOfSync|Conflict|Duplicate|Insufficient|NotEnough"), "warning"),
    (re.compile(r"Fail(?!over)|Error|Lost|BadUsername|NoPermission|Denied|Timedout|Unknown|Expired"), "error"),
)
_PLACEHOLDER = re.compile(r"{([A-Za-z.]+)}")
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def category(class_name: str) -> str:
    """The category that vCenter gives an event class: info, warning, error or user."""
    return next((name for pattern, name in _CATEGORIES if pattern.search(class_name)), "info")


def _lookup(event: Any, path: str) -> str:
    """What a placeholder stands for: a property, or one of the arguments of an EventEx."""
    arguments = {each.key: each.value for each in getattr(event, "arguments", ())}
    if path in arguments:
        return str(arguments[path])
    value = event
    for step in path.split("."):
        value = getattr(value, step, None)
    if isinstance(value, datetime):
        return value.strftime("%A, %d %B, %Y %I:%M:%S %p")
    return "" if value is None else str(value)


def format_of(class_name: str) -> str:
    """The format of a class's full message, with vCenter's placeholders."""
    return FORMATS.get(class_name, f"{description_of(class_name)} {{vm.name}} {{host.name}} {{datacenter.name}}")


def description_of(class_name: str) -> str:
    """A class name in words: ``VmPoweredOnEvent`` is "Vm powered on"."""
    return " ".join(_WORDS.split(class_name.removesuffix("Event") or class_name)).capitalize()


def full_message(event: Any) -> str:
    """The event's message in full; that of an EventEx or ExtendedEvent by its eventTypeId."""
    known = EXTENDED.get(getattr(event, "eventTypeId", None) or "")
    template = known[1] if known else _own_message(event) or format_of(wire_name(type(event)))
    return " ".join(_PLACEHOLDER.sub(lambda match: _lookup(event, match[1]), template).split())


def _own_message(event: Any) -> str | None:
    """An EventEx or ExtendedEvent of an unknown eventTypeId may say for itself what happened."""
    return event.message if hasattr(event, "eventTypeId") else None


def _subclasses(kind: Any) -> Iterator[Any]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("pyVmomi"):
            yield child
            yield from _subclasses(child)


@cache
def concrete_classes() -> tuple[str, ...]:
    """The names of every event class that vCenter can post, as pyVmomi knows them."""
    for name in types.ListDataTypes():
        if name.startswith("vim.event."):
            types.GetVmodlType(name)
    found = {wire_name(kind): kind for kind in _subclasses(vim.event.Event)}
    return tuple(sorted(name for name, kind in found.items() if name in _CONCRETE_PARENTS or not kind.__subclasses__()))


@cache
def event_info() -> list[Any]:
    """EventManager.description.eventInfo: a detail for every concrete class and every known eventTypeId."""
    details = [
        _detail(name, description_of(name), category(name), format_of(name))
        for name in concrete_classes()
        if name not in {"EventEx", "ExtendedEvent"}
    ]
    extended = [
        _detail("EventEx", type_id.rpartition(".")[2], kind, f"{type_id}|{text}")
        for type_id, (kind, text) in EXTENDED.items()
    ]
    return details + extended


def _detail(key: str, description: str, kind: str, full: str) -> Any:
    detail = vim.event.EventDescription.EventDetail(key=vim_type(key))
    detail.description, detail.category, detail.fullFormat = description, kind, full
    detail.formatOnDatacenter = detail.formatOnComputeResource = full
    detail.formatOnHost = detail.formatOnVm = full
    return detail
