"""The alarms that are defined from the start: some of those that every vCenter has on its root folder."""

from typing import Any

from vcenter_simulator.vmomi import vim

_CPU_USAGE, _MEMORY_USAGE, _DISK_USED = 2, 24, 281
"""Ids of performance counters, as vCenter 8.0 numbers them."""


def _on_metric(kind: Any, counter: int) -> Any:
    """Yellow from 75 %, red from 90 %; vCenter counts in hundredths of a percent."""
    metric = vim.PerformanceManager.MetricId(counterId=counter, instance="")
    return vim.alarm.MetricAlarmExpression(operator="isAbove", type=kind, metric=metric, yellow=7500, red=9000)


def _on_events(kind: Any, *events: Any) -> Any:
    return _any_of(vim.alarm.EventAlarmExpression(eventType=event, objectType=kind) for event in events)


def _on_connection() -> Any:
    lost = vim.alarm.StateAlarmExpression(operator="isEqual", type=vim.HostSystem, red="notResponding")
    lost.statePath = "runtime.connectionState"
    return _any_of([lost])


def _any_of(expressions: Any) -> Any:
    return vim.alarm.OrAlarmExpression(expression=list(expressions))


def _send_trap() -> Any:
    """What most of vCenter's own alarms do: send an SNMP trap when they become red."""
    becomes_red = vim.alarm.AlarmTriggeringAction.TransitionSpec(startState="yellow", finalState="red", repeats=True)
    return vim.alarm.AlarmTriggeringAction(action=vim.action.SendSNMPAction(), transitionSpecs=[becomes_red])


def default_alarms() -> list[Any]:
    """Their AlarmSpecs. Names are those that vCenter 8.0 shows."""
    errors = vim.event.GeneralVmErrorEvent, vim.event.GeneralVmWarningEvent
    host_errors = vim.event.GeneralHostErrorEvent, vim.event.GeneralHostWarningEvent
    table = (
        ("Host connection and power state", "HostConnectionState", _on_connection()),
        ("Host CPU usage", "HostCPUUsage", _on_metric(vim.HostSystem, _CPU_USAGE)),
        ("Host memory usage", "HostMemoryUsage", _on_metric(vim.HostSystem, _MEMORY_USAGE)),
        ("Datastore usage on disk", "DatastoreDiskUsage", _on_metric(vim.Datastore, _DISK_USED)),
        ("Virtual machine memory usage", "VmMemoryUsage", _on_metric(vim.VirtualMachine, _MEMORY_USAGE)),
        ("Virtual machine CPU usage", "VmCPUUsage", _on_metric(vim.VirtualMachine, _CPU_USAGE)),
        ("Host error", "HostError", _on_events(vim.HostSystem, *host_errors)),
        ("Virtual machine error", "VmError", _on_events(vim.VirtualMachine, *errors)),
    )
    return [_spec(name, f"alarm.{system_name}Alarm", expression) for name, system_name, expression in table]


def _spec(name: str, system_name: str, expression: Any) -> Any:
    spec = vim.alarm.AlarmSpec(name=name, systemName=system_name, description=f"Default alarm: {name}", enabled=True)
    spec.expression, spec.action, spec.actionFrequency = expression, _send_trap(), 0
    spec.setting = vim.alarm.AlarmSetting(toleranceRange=0, reportingFrequency=300)
    return spec
