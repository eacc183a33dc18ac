"""Alarms: which are defined, which are triggered, and the events of both.

A status other than green is kept as a triggered alarm of its object; green ends it. A change of status posts
AlarmStatusChangedEvent, without a user as in vCenter, and AlarmActionTriggeredEvent where the alarm has an action
for that status and the alarm actions of the object are enabled.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vcenter_simulator.alarm_definitions import default_alarms
from vcenter_simulator.alarm_expressions import actions_at, object_types, status_by
from vcenter_simulator.events import Events, alarm_argument, arguments_for, entity_argument, find_ids
from vcenter_simulator.history import Record
from vcenter_simulator.inventory import Entity, Inventory
from vcenter_simulator.vmomi import vim

STATUSES = ("gray", "green", "yellow", "red")
"""From harmless to worst."""


@dataclass(slots=True, eq=False)
class Alarm:
    """A definition. ``entity`` is the object that it is defined on; ``spec`` its AlarmSpec."""

    moid: str
    entity: Entity
    spec: Any
    modified: datetime
    user: str
    created_by: int = 0
    type: str = "Alarm"


@dataclass(slots=True, eq=False)
class Triggered:
    """An alarm that an object has set off, and who has acknowledged it."""

    alarm: Alarm
    entity: Entity
    status: str
    time: datetime
    event_key: int | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


class Alarms:
    """The definitions by their ids, and what is triggered by alarm and object."""

    def __init__(self, inventory: Inventory, events: Events) -> None:
        self._inventory = inventory
        self._events = events
        self._numbers = itertools.count(1)
        self._alarms: dict[str, Alarm] = {}
        self._triggered: dict[tuple[str, str], Triggered] = {}
        for spec in default_alarms():
            self.define(inventory.root, spec, "")
        events.on_post = self._watch

    def get(self, moid: str) -> Alarm | None:
        """The alarm with this id, None where there is none."""
        return self._alarms.get(moid)

    def all(self) -> list[Alarm]:
        """Every alarm, in the order of defining."""
        return list(self._alarms.values())

    def find(self, name: str) -> Alarm | None:
        """The alarm with this name or id."""
        return next((alarm for alarm in self._alarms.values() if name in (alarm.spec.name, alarm.moid)), None)

    def define(self, entity: Entity, spec: Any, user: str) -> Alarm:
        """Define an alarm on an object; it covers what lies beneath, too."""
        alarm = Alarm(f"alarm-{next(self._numbers)}", entity, spec, self._events.history.now(), user)
        self._alarms[alarm.moid] = alarm
        return alarm

    def remove(self, alarm: Alarm) -> None:
        """Remove an alarm, and what it has triggered."""
        del self._alarms[alarm.moid]
        self._triggered = {key: each for key, each in self._triggered.items() if each.alarm is not alarm}

    def alarms_for(self, entity: Entity) -> list[Alarm]:
        """The alarms that an object, or one beneath it, can set off; also those that are defined above it."""
        above = set(_above(entity))
        kinds = {each.type for each in self._inventory.objects.values() if entity in set(_above(each))}
        return [alarm for alarm in self.all() if alarm.entity in above and object_types(alarm.spec.expression) & kinds]

    def list_triggered(self) -> list[Triggered]:
        """What is triggered now, by objects that are still there."""
        return [each for each in self._triggered.values() if each.entity.moid in self._inventory.objects]

    def list_triggered_beneath(self, entity: Entity) -> list[Triggered]:
        """What an object and those beneath it have triggered."""
        return [each for each in self.list_triggered() if entity in each.entity.lineage()]

    def worst_status(self, entity: Entity) -> str:
        """The status of an object: that of the worst alarm that it has triggered, else green."""
        statuses = [each.status for each in self.list_triggered() if each.entity is entity]
        return max(statuses, key=STATUSES.index, default="green")

    def set_status(self, alarm: Alarm, entity: Entity, status: str, event_key: int | None = None) -> None:
        """Give an alarm a status for an object, with the events of a change. The same status again changes nothing."""
        key = alarm.moid, entity.moid
        before = self._triggered[key].status if key in self._triggered else "green"
        if status == before:
            return
        if status == "green":
            del self._triggered[key]
        else:
            self._triggered[key] = Triggered(alarm, entity, status, self._events.history.now(), event_key)
        self._post_change(alarm, entity, before, status)

    def clear(self, triggered: Triggered) -> None:
        """Forget that an alarm is triggered."""
        self._triggered.pop((triggered.alarm.moid, triggered.entity.moid), None)

    def _post_change(self, alarm: Alarm, entity: Entity, before: str, status: str) -> None:
        self._post(
            vim.event.AlarmStatusChangedEvent(**event_arguments(alarm, entity), **{"from": before, "to": status})
        )
        if not entity.facts.get("alarmActionsEnabled", True):
            return
        for action in actions_at(alarm.spec.action, status):
            self._post(vim.event.AlarmActionTriggeredEvent(**event_arguments(alarm, entity)))
            arguments = {name: value for name, value in event_arguments(alarm, entity).items() if name != "source"}
            if isinstance(action, vim.action.SendEmailAction):
                self._post(vim.event.AlarmEmailCompletedEvent(to=action.toList, **arguments))
            elif isinstance(action, vim.action.SendSNMPAction):
                self._post(vim.event.AlarmSnmpCompletedEvent(**arguments))

    def _post(self, event: Any) -> None:
        self._events.post(event, "")

    def _watch(self, event: Any, record: Record) -> None:
        """Let an event that was posted set off the alarms that wait for it."""
        if isinstance(event, vim.event.AlarmEvent):
            return
        entities = [each for each in map(self._inventory.objects.get, find_ids(event)) if each is not None]
        for alarm in self.all():
            status = status_by(alarm.spec.expression, event, record.body) if alarm.spec.enabled else None
            kinds = object_types(alarm.spec.expression)
            entity = next((each for each in entities if each.type in kinds and alarm.entity in set(_above(each))), None)
            if status is not None and entity is not None:
                self.set_status(alarm, entity, status, record.key)


def event_arguments(alarm: Alarm, entity: Entity) -> dict[str, Any]:
    """The arguments of an event about an alarm that an object has set off."""
    subject = entity_argument(entity)
    named = {"alarm": alarm_argument(alarm.spec.name, alarm.moid), "source": entity_argument(alarm.entity)}
    return {**named, "entity": subject, **arguments_for(entity)}


def _above(entity: Entity) -> Iterator[Entity]:
    """An object and what it lies beneath; a VM also lies beneath its host."""
    for start in (entity, entity.link("host")):
        yield from start.lineage() if start else ()
