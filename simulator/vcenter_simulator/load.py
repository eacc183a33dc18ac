"""Events in quantity: a mix of power-ons, tasks, resource pools and EventEx, from bodies that are made once."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.events import Events, arguments_for, pool_argument
from vcenter_simulator.history import Body, utc_now
from vcenter_simulator.inventory import Entity
from vcenter_simulator.tasks import task_info, task_message
from vcenter_simulator.vmomi import vim, vim_type

_TICK_SECONDS = 0.02


class Load:
    """Posts as many mixed events as are asked for. Each names an object that is there."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._bodies: list[Body] = []
        self._posted = 0

    def post(self, count: int, *, hidden: bool = False, late: float = 0.0) -> None:
        """Post so many events now, in one go; hidden ones no reader can see, ``late`` ones are dated seconds before."""
        for _ in range(count):
            self._events.history.post(self._next(), hidden=hidden, late=timedelta(seconds=late))
        self._events.changes.note()

    def post_large(self, count: int, size: int) -> None:
        """Post events of so many bytes each, and a little more."""
        event = vim.event.GeneralUserEvent(message="", fullFormattedMessage="x" * size)
        body = self._events.body(event, ADMINISTRATOR)
        for _ in range(count):
            self._events.history.post(body)
        self._events.changes.note()

    def backlog(self, count: int) -> None:
        """Post so many events dated in the past, a second apart, the last of them a second ago."""
        start = utc_now() - timedelta(seconds=count)
        for number in range(count):
            self._events.history.post(self._next(), created=start + timedelta(seconds=number))
        self._events.changes.note()

    async def run(self, rate: float) -> None:
        """Post so many events a second, until cancelled."""
        loop = asyncio.get_running_loop()
        start, posted = loop.time(), 0
        while True:
            await asyncio.sleep(max(_TICK_SECONDS, 1 / rate))
            due = int((loop.time() - start) * rate) - posted
            self.post(due)
            posted += due

    def _next(self) -> Body:
        self._bodies = self._bodies or list(self._make())
        body = self._bodies[self._posted % len(self._bodies)]
        self._posted += 1
        return body

    def _make(self) -> Iterator[Body]:
        """Four events about each VM and a resource pool, the two that are always there in turn or one of its own."""
        inventory = self._events.inventory
        pools = inventory.pools[:2] * 2 + inventory.pools[2:]
        for machine, pool in zip(inventory.machines, pools, strict=True):
            for event in _four_events(machine, pool, inventory.root_pool):
                yield self._events.body(event, ADMINISTRATOR)


def _four_events(machine: Entity, pool: Entity, root_pool: Entity) -> list[Any]:
    where, pool_where = arguments_for(machine), arguments_for(pool)
    created = {"resourcePool": pool_argument(pool), "parent": pool_argument(root_pool)}
    return [
        vim.event.VmPoweredOnEvent(template=False, **where),
        _task_event(machine, where),
        vim.event.ResourcePoolCreatedEvent(**created, **pool_where),
        vim.event.EventEx(
            eventTypeId="com.vmware.vc.vm.VmStateRevertedToSnapshot",
            objectId=machine.moid,
            objectType=vim_type(machine.type),
            objectName=machine.name,
            **where,
        ),
    ]


def _task_event(machine: Entity, where: dict[str, Any]) -> Any:
    info = task_info(machine, "PowerOnVM_Task", ADMINISTRATOR)
    return vim.event.TaskEvent(info=info, fullFormattedMessage=task_message("PowerOnVM_Task"), **where)
