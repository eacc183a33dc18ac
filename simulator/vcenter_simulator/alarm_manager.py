"""AlarmManager and Alarm; what alarms do stands in vcenter_simulator.alarms."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.alarms import Alarm, Triggered, event_arguments
from vcenter_simulator.call import Call, not_found
from vcenter_simulator.events import alarm_argument, arguments_for, entity_argument
from vcenter_simulator.inventory import Entity
from vcenter_simulator.references import Provider, ref
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import properties_of, reference, vim


def create(call: Call, on: Any, spec: Any) -> Any:
    """AlarmManager.CreateAlarm. Raises InvalidName, DuplicateName."""
    entity, alarms = call.find_entity(on), call.vcenter.alarms
    _refuse_name(call, spec.name)
    alarm = alarms.define(entity, spec, call.user)
    alarm.created_by = _post(call, vim.event.AlarmCreatedEvent, alarm)
    return _ref(alarm)


def reconfigure(call: Call, spec: Any) -> None:
    """Alarm.ReconfigureAlarm. Raises InvalidName, DuplicateName."""
    alarm: Alarm = call.target
    if spec.name != alarm.spec.name:
        _refuse_name(call, spec.name)
    alarm.spec, alarm.user, alarm.modified = spec, call.user, call.vcenter.events.history.now()
    _post(call, vim.event.AlarmReconfiguredEvent, alarm)


def remove(call: Call) -> None:
    """Alarm.RemoveAlarm."""
    alarm: Alarm = call.target
    call.vcenter.alarms.remove(alarm)
    _post(call, vim.event.AlarmRemovedEvent, alarm)


def _refuse_name(call: Call, name: str) -> None:
    if not name:
        raise vim.fault.InvalidName(name=name, msg="An alarm needs a name.")
    holder = next((alarm for alarm in call.vcenter.alarms.all() if alarm.spec.name == name), None)
    if holder is not None:
        raise vim.fault.DuplicateName(name=name, object=_ref(holder), msg=f"The name '{name}' already exists.")


def _post(call: Call, kind: Any, alarm: Alarm) -> int:
    argument = alarm_argument(alarm.spec.name, alarm.moid)
    event = kind(alarm=argument, entity=entity_argument(alarm.entity), **arguments_for(alarm.entity))
    return call.vcenter.events.post(event, call.user).key


def list_alarms(call: Call, on: Any) -> list[Any]:
    """AlarmManager.GetAlarm: those defined on an object; without one, all."""
    entity = call.find_entity(on) if on else None
    return [_ref(alarm) for alarm in call.vcenter.alarms.all() if entity in (None, alarm.entity)]


def list_states(call: Call, on: Any) -> list[Any]:
    """AlarmManager.GetAlarmState: the states of the alarms that an object can set off."""
    return _list_declared(call.vcenter, call.find_entity(on))


def are_actions_enabled(call: Call, on: Any) -> bool:
    """AlarmManager.AreAlarmActionsEnabled."""
    return _actions_enabled(call.vcenter, call.find_entity(on))


def enable_actions(call: Call, on: Any, enabled: bool) -> None:
    """AlarmManager.EnableAlarmActions, of this object alone. vCenter has no event for it."""
    call.find_entity(on).facts["alarmActionsEnabled"] = enabled
    call.vcenter.changes.note()


def acknowledge(call: Call, of: Any, by: Any) -> None:
    """AlarmManager.AcknowledgeAlarm. One that is not triggered, or is acknowledged already, stays as it is."""
    alarm = call.vcenter.alarms.get(of._GetMoId())  # noqa: SLF001  pyVmomi's only way
    if alarm is None:
        raise not_found("Alarm", of._GetMoId())  # noqa: SLF001  as above
    entity = call.find_entity(by)
    for triggered in call.vcenter.alarms.list_triggered():
        if (triggered.alarm, triggered.entity, triggered.acknowledged_by) == (alarm, entity, None):
            triggered.acknowledged_by, triggered.acknowledged_at = call.user, call.vcenter.events.history.now()
            call.vcenter.events.post(vim.event.AlarmAcknowledgedEvent(**event_arguments(alarm, entity)), call.user)


def clear(call: Call, spec: Any) -> None:
    """AlarmManager.ClearTriggeredAlarms: all that the filter selects."""
    kinds = {"entityTypeHost": {"HostSystem"}, "entityTypeVm": {"VirtualMachine"}}.get(spec.typeEntity or "")
    for triggered in call.vcenter.alarms.list_triggered():
        if (not spec.status or triggered.status in spec.status) and (not kinds or triggered.entity.type in kinds):
            call.vcenter.alarms.clear(triggered)
            event = vim.event.AlarmClearedEvent(
                **event_arguments(triggered.alarm, triggered.entity), **{"from": triggered.status}
            )
            call.vcenter.events.post(event, call.user)


def _ref(alarm: Alarm) -> Any:
    return reference(alarm.type, alarm.moid)


def alarm_info(alarm: Alarm) -> Any:
    """Alarm.info: the AlarmSpec, and what vCenter adds to it."""
    info = vim.alarm.AlarmInfo(key=alarm.moid, alarm=_ref(alarm), entity=ref(alarm.entity))
    for name in properties_of(vim.alarm.AlarmSpec):
        setattr(info, name, getattr(alarm.spec, name))
    info.lastModifiedTime, info.lastModifiedUser, info.creationEventId = alarm.modified, alarm.user, alarm.created_by
    return info


def describe() -> Any:
    """AlarmManager.description, of which no more is simulated than that it is there."""
    return vim.alarm.AlarmDescription()


def _actions_enabled(_vcenter: Vcenter, entity: Entity) -> bool:
    return bool(entity.facts.get("alarmActionsEnabled", True))


def _state(alarm: Alarm, entity: Entity, triggered: Triggered | None, status: str, time: Any) -> Any:
    state = vim.alarm.AlarmState(key=f"{alarm.moid}.{entity.moid}", entity=ref(entity), alarm=_ref(alarm))
    state.overallStatus, state.time, state.acknowledged = status, time, False
    if triggered is not None:
        state.acknowledged, state.acknowledgedByUser = triggered.acknowledged_by is not None, triggered.acknowledged_by
        state.acknowledgedTime, state.eventKey = triggered.acknowledged_at, triggered.event_key
    return state


def _list_triggered(vcenter: Vcenter, entity: Entity) -> list[Any]:
    return [
        _state(each.alarm, each.entity, each, each.status, each.time)
        for each in vcenter.alarms.list_triggered_beneath(entity)
    ]


def _list_declared(vcenter: Vcenter, entity: Entity) -> list[Any]:
    own = {each.alarm: each for each in vcenter.alarms.list_triggered() if each.entity is entity}
    return [
        _state(alarm, entity, own.get(alarm), own[alarm].status if alarm in own else "green", alarm.modified)
        for alarm in vcenter.alarms.alarms_for(entity)
    ]


ENTITY_PROPERTIES: dict[str, Provider] = {
    "overallStatus": lambda vcenter, entity: vim.ManagedEntity.Status(vcenter.alarms.worst_status(entity)),
    "alarmActionsEnabled": _actions_enabled,
    "triggeredAlarmState": _list_triggered,
    "declaredAlarmState": _list_declared,
}

METHODS: dict[str, Callable[..., Any]] = {
    "CreateAlarm": create,
    "ReconfigureAlarm": reconfigure,
    "RemoveAlarm": remove,
    "GetAlarm": list_alarms,
    "GetAlarmState": list_states,
    "AreAlarmActionsEnabled": are_actions_enabled,
    "EnableAlarmActions": enable_actions,
    "AcknowledgeAlarm": acknowledge,
    "ClearTriggeredAlarms": clear,
}
