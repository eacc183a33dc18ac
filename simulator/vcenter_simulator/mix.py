"""What the events in quantity are about: kinds of event, four at a time about each VM in turn.

A body is made when it is first wanted and then used again, since making one takes longer than posting it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.events import Events, alarm_argument, arguments_for, entity_argument, pool_argument, revert_event
from vcenter_simulator.history import Body
from vcenter_simulator.inventory import Entity, Inventory
from vcenter_simulator.tasks import task_info, task_message
from vcenter_simulator.vmomi import vim, vim_type

_Quartet = Callable[[Entity, Entity, Inventory], list[Any]]
"""Makes the four events about a VM and a resource pool."""
_GIB = 2**30


class Mix:
    """The bodies to post, one after the other, without end."""

    def __init__(self, events: Events, quartets: Sequence[_Quartet]) -> None:
        self._events = events
        self._quartets = quartets
        self._bodies: dict[tuple[int, int], list[Body]] = {}
        self._count = 0

    def next_body(self) -> Body:
        """The next body: of each VM in turn four kinds, and the next time round its next four."""
        turn, kind = divmod(self._count, 4)
        self._count += 1
        rounds, machine = divmod(turn, len(self._events.inventory.machines))
        place = machine, (rounds + machine) % len(self._quartets)
        if place not in self._bodies:
            self._bodies[place] = self._make(*place)
        return self._bodies[place][kind]

    def _make(self, machine: int, quartet: int) -> list[Body]:
        inventory = self._events.inventory
        # The VMs that are always there share two pools; each of the others has one of its own.
        pools = inventory.pools[:2] * 2 + inventory.pools[2:]
        made = self._quartets[quartet](inventory.machines[machine], pools[machine], inventory)
        return [self._events.body(event, ADMINISTRATOR) for event in made]


def _make_everyday(machine: Entity, pool: Entity, inventory: Inventory) -> list[Any]:
    where, pool_where = arguments_for(machine), arguments_for(pool)
    created = {"resourcePool": pool_argument(pool), "parent": pool_argument(inventory.root_pool)}
    return [
        vim.event.VmPoweredOnEvent(template=False, **where),
        _task_event(machine, where),
        vim.event.ResourcePoolCreatedEvent(**created, **pool_where),
        revert_event(machine, "before the update", 1),
    ]


def _make_operations(machine: Entity, _pool: Entity, _inventory: Inventory) -> list[Any]:
    where = arguments_for(machine)
    return [
        vim.event.VmReconfiguredEvent(template=False, configSpec=vim.vm.ConfigSpec(numCPUs=4), **where),
        vim.event.VmSuspendedEvent(template=False, **where),
        vim.event.VmMessageWarningEvent(template=False, message="The disk is nearly full.", **where),
        vim.event.VmPoweredOffEvent(template=False, **where),
    ]


def _make_alarms(machine: Entity, _pool: Entity, inventory: Inventory) -> list[Any]:
    where, host = arguments_for(machine), _host_of(machine)
    alarm = alarm_argument("Virtual machine CPU usage", "alarm-6")
    subject, defined_on = entity_argument(machine), entity_argument(inventory.root)
    change = {"alarm": alarm, "source": defined_on, "entity": subject, "from": "green", "to": "red"}
    reason = vim.fault.InsufficientResourcesFault(msg="The host has not enough memory.")
    return [
        vim.event.AlarmStatusChangedEvent(**change, **where),
        _event_ex("com.vmware.vc.host.problem.vpxaNotRespondingEvent", host),
        vim.event.BadUsernameSessionEvent(ipAddress="192.0.2.7"),
        vim.event.VmFailedToPowerOnEvent(template=False, reason=reason, **where),
    ]


def _make_failover(machine: Entity, _pool: Entity, inventory: Inventory) -> list[Any]:
    failed = next(each for each in inventory.hosts if each is not _host_of(machine))
    where, source = arguments_for(machine) | {"template": False}, arguments_for(failed)["host"]
    return [
        vim.event.HostConnectionLostEvent(**arguments_for(failed)),
        _event_ex("com.vmware.vc.HA.DasHostFailedEvent", failed),
        vim.event.VmRestartedOnAlternateHostEvent(sourceHost=source, **where),
        vim.event.DrsVmMigratedEvent(sourceHost=source, **where),
    ]


def _make_administration(machine: Entity, _pool: Entity, inventory: Inventory) -> list[Any]:
    host, store = _host_of(machine), arguments_for(inventory.datastore)
    grown = {"datastore": store["ds"], "oldCapacity": 512 * _GIB, "newCapacity": 1024 * _GIB}
    return [
        vim.event.EnteredMaintenanceModeEvent(**arguments_for(host)),
        vim.event.DatastoreCapacityIncreasedEvent(**grown, **store),
        vim.event.ExitMaintenanceModeEvent(**arguments_for(host)),
        _event_ex("esx.problem.net.connectivity.lost", host),
    ]


FOUR_KINDS: tuple[_Quartet, ...] = (_make_everyday,)
_RARE: tuple[_Quartet, ...] = (_make_operations, _make_alarms, _make_failover, _make_administration)
TWENTY_KINDS: tuple[_Quartet, ...] = tuple(each for rare in _RARE for each in (_make_everyday, rare))
"""Every other four are everyday ones; among the twenty kinds are two warnings and five errors."""


def _host_of(machine: Entity) -> Entity:
    host = machine.link("host")
    assert host is not None, "each VM of the mix has a host"  # noqa: S101  the inventory makes them so
    return host


def _event_ex(type_id: str, entity: Entity) -> Any:
    named = {"objectId": entity.moid, "objectType": vim_type(entity.type), "objectName": entity.name}
    return vim.event.EventEx(eventTypeId=type_id, **named, **arguments_for(entity))


def _task_event(machine: Entity, where: dict[str, Any]) -> Any:
    info = task_info(machine, "PowerOnVM_Task", ADMINISTRATOR)
    return vim.event.TaskEvent(info=info, fullFormattedMessage=task_message("PowerOnVM_Task"), **where)
