"""Alarms as pyVmomi's own client sees them, and as the simulator's remote control sets them off."""

from typing import Any

import pytest
from pyVmomi import vim, vmodl

from tests.support import loopback
from tests.support.simulator_control import control
from vcenter_simulator.accounts import READER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import service_instance
from vcenter_simulator.vmomi import wire_name

CPU = "Virtual machine CPU usage"


@pytest.fixture
def web(service: Any) -> Any:
    return service.content.searchIndex.FindByInventoryPath("DC0/vm/web-1")


def newest(service: Any, count: int) -> list[tuple[str, str]]:
    events = service.content.eventManager.QueryEvents(vim.event.EventFilterSpec())
    return [(wire_name(type(event)), event.fullFormattedMessage) for event in events[-count:]]


def spec(name: str = "web is off", **fields: Any) -> Any:
    expression = vim.alarm.EventAlarmExpression(
        eventType=vim.event.VmPoweredOffEvent, objectType=vim.VirtualMachine, status="red", **fields
    )
    back = vim.alarm.EventAlarmExpression(
        eventType=vim.event.VmPoweredOnEvent, objectType=vim.VirtualMachine, status="green"
    )
    either = vim.alarm.OrAlarmExpression(expression=[expression, back])
    return vim.alarm.AlarmSpec(name=name, description="", enabled=True, expression=either)


def test_vcenters_own_alarms_are_defined_on_the_root_folder(service: Any, web: Any) -> None:
    manager, root = service.content.alarmManager, service.content.rootFolder
    alarms = manager.GetAlarm(None)
    assert [each._moId for each in alarms] == [each._moId for each in manager.GetAlarm(root)]
    assert list(manager.GetAlarm(web)) == []
    info = alarms[5].info
    assert (info.name, info.systemName, info.entity, info.enabled) == (CPU, "alarm.VmCPUUsageAlarm", root, True)
    declared = [each.alarm.info.name for each in web.declaredAlarmState]
    assert declared == ["Virtual machine memory usage", CPU, "Virtual machine error"]
    assert {each.overallStatus for each in manager.GetAlarmState(root)} == {"green"}
    assert len(root.declaredAlarmState) == len(alarms)


def test_an_alarm_that_is_set_off_shows_at_the_object_and_above_it(
    simulator: Simulator, service: Any, web: Any
) -> None:
    control(simulator, "alarms", alarm=CPU, object="vm-15", status="red")
    states = [*web.triggeredAlarmState, *service.content.rootFolder.triggeredAlarmState]
    assert [(state.entity, state.alarm.info.name, state.overallStatus) for state in states] == [(web, CPU, "red")] * 2
    assert (web.overallStatus, states[0].acknowledged) == ("red", False)
    assert newest(service, 3) == [
        ("AlarmStatusChangedEvent", f"Alarm '{CPU}' on web-1 changed from green to red"),
        ("AlarmActionTriggeredEvent", f"Alarm '{CPU}' on web-1 triggered an action"),
        ("AlarmSnmpCompletedEvent", f"Alarm '{CPU}': an SNMP trap for entity web-1 was sent"),
    ]
    control(simulator, "alarms", alarm=CPU, object="vm-15", status="green")
    assert (list(web.triggeredAlarmState), web.overallStatus) == ([], "green")
    assert newest(service, 1)[0][1].endswith("changed from red to green")


def test_without_alarm_actions_the_status_changes_and_nothing_is_done(
    simulator: Simulator, service: Any, web: Any
) -> None:
    manager = service.content.alarmManager
    manager.EnableAlarmActions(web, False)
    assert (web.alarmActionsEnabled, manager.AreAlarmActionsEnabled(web)) == (False, False)
    control(simulator, "alarms", alarm="alarm-6", object="vm-15", status="red")
    assert [name for name, _ in newest(service, 2)] == ["UserLoginSessionEvent", "AlarmStatusChangedEvent"]
    manager.EnableAlarmActions(web, True)
    control(simulator, "alarms", alarm="alarm-6", object="vm-15", status="yellow")
    control(simulator, "alarms", alarm="alarm-6", object="vm-15", status="red")
    assert [name for name, _ in newest(service, 2)] == ["AlarmActionTriggeredEvent", "AlarmSnmpCompletedEvent"]


def test_acknowledging_and_clearing(simulator: Simulator, service: Any, web: Any) -> None:
    manager = service.content.alarmManager
    control(simulator, "alarms", alarm=CPU, object="vm-15", status="yellow")
    alarm = web.triggeredAlarmState[0].alarm
    for _ in range(2):
        manager.AcknowledgeAlarm(alarm, web)
    state = web.triggeredAlarmState[0]
    assert (state.acknowledged, state.acknowledgedByUser) == (True, "administrator@vsphere.local")
    manager.ClearTriggeredAlarms(vim.alarm.AlarmFilterSpec(status=["red"]))
    manager.ClearTriggeredAlarms(vim.alarm.AlarmFilterSpec(typeEntity="entityTypeHost"))
    assert len(web.triggeredAlarmState) == 1
    manager.ClearTriggeredAlarms(vim.alarm.AlarmFilterSpec(status=["yellow"], typeEntity="entityTypeVm"))
    assert list(web.triggeredAlarmState) == []
    assert newest(service, 2) == [
        ("AlarmAcknowledgedEvent", f"Acknowledged alarm '{CPU}' on web-1"),
        ("AlarmClearedEvent", f"Manually cleared alarm '{CPU}' on web-1 from yellow"),
    ]


def test_an_alarm_of_ones_own_waits_for_events(service: Any, web: Any) -> None:
    manager = service.content.alarmManager
    alarm = manager.CreateAlarm(service.content.rootFolder, spec())
    with pytest.raises(vim.fault.DuplicateName):
        manager.CreateAlarm(web, spec())
    web.PowerOnVM_Task()
    assert list(web.triggeredAlarmState) == []
    web.PowerOffVM_Task()
    state = web.triggeredAlarmState[0]
    assert (state.alarm, state.overallStatus, state.eventKey) == (
        alarm,
        "red",
        service.content.eventManager.latestEvent.key - 1,
    )
    web.PowerOnVM_Task()
    assert list(web.triggeredAlarmState) == []
    alarm.ReconfigureAlarm(spec("renamed"))
    assert alarm.info.name == "renamed"
    web.PowerOffVM_Task()
    alarm.RemoveAlarm()
    assert list(web.triggeredAlarmState) == []
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        _ = alarm.info
    assert newest(service, 1) == [("AlarmRemovedEvent", "Removed alarm 'renamed' on Datacenters")]


@pytest.mark.parametrize(("operator", "triggered"), [("equals", 1), ("notEqualTo", 0), ("startsWith", 1)])
def test_an_alarm_compares_what_the_event_says(service: Any, web: Any, operator: str, triggered: int) -> None:
    comparison = vim.alarm.EventAlarmExpression.Comparison(attributeName="vm.name", operator=operator, value="web-1")
    service.content.alarmManager.CreateAlarm(web, spec(comparisons=[comparison]))
    web.PowerOnVM_Task()
    web.PowerOffVM_Task()
    assert len(web.triggeredAlarmState) == triggered


def test_an_alarm_on_an_eventex_sends_mail(service: Any, web: Any) -> None:
    expression = vim.alarm.EventAlarmExpression(
        eventType=vim.event.EventEx, eventTypeId="com.example.hot", objectType=vim.HostSystem, status="yellow"
    )
    mail = vim.action.SendEmailAction(toList="ops@example.com", ccList="", subject="", body="")
    action = vim.alarm.AlarmTriggeringAction(action=mail, green2yellow=True)
    hot = vim.alarm.AlarmSpec(name="hot", description="", enabled=True, expression=expression)
    hot.action = vim.alarm.GroupAlarmAction(action=[action])
    host = web.runtime.host
    service.content.alarmManager.CreateAlarm(host, hot)
    event = vim.event.EventEx(eventTypeId="com.example.hot", objectId=host._moId, objectType=vim.HostSystem)
    event.createdTime = service.CurrentTime()
    service.content.eventManager.PostEvent(event, None)
    assert [state.overallStatus for state in host.triggeredAlarmState] == ["yellow"]
    assert newest(service, 1) == [("AlarmEmailCompletedEvent", "Alarm 'hot' on esx-1 sent email to ops@example.com")]


def test_the_reader_changes_no_alarm(simulator: Simulator) -> None:
    with service_instance(simulator, READER) as service:
        manager, root = service.content.alarmManager, service.content.rootFolder
        with pytest.raises(vim.fault.NoPermission) as refused:
            manager.EnableAlarmActions(root, False)
        assert refused.value.privilegeId == "Alarm.DisableActions"
        with pytest.raises(vim.fault.NoPermission):
            manager.CreateAlarm(root, spec())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alarm": "none", "object": "vm-15", "status": "red"}, "alarm must be one of Host connection and power state"),
        ({"alarm": CPU, "object": "web-1", "status": "red"}, "object must be the id of an object, such as vm-15"),
        ({"alarm": CPU, "object": "vm-15", "status": "blue"}, "status must be one of gray, green, yellow, red"),
    ],
)
def test_a_wrong_alarm_is_refused(untouched: Simulator, fields: dict[str, str], message: str) -> None:
    answer = loopback.post(f"{untouched.base}/simulator/alarms", json=fields)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
