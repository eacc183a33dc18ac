"""Events in quantity: how many are posted, and when. What they are about stands in vcenter_simulator.mix."""

import asyncio
from datetime import timedelta

from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.events import Events
from vcenter_simulator.history import utc_now
from vcenter_simulator.mix import FOUR_KINDS, TWENTY_KINDS, Mix
from vcenter_simulator.vmomi import vim

_TICK_SECONDS = 0.02


class Load:
    """Posts as many mixed events as are asked for. Each names an object that is there."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._plain = Mix(events, FOUR_KINDS)
        self._rich = Mix(events, TWENTY_KINDS)

    def post(self, count: int, *, hidden: bool = False, late: float = 0.0, is_rich: bool = False) -> None:
        """Post so many events now, in one go; hidden ones no reader can see, ``late`` ones are dated seconds before."""
        mix = self._rich if is_rich else self._plain
        for _ in range(count):
            self._events.history.post(mix.next_body(), hidden=hidden, late=timedelta(seconds=late))
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
            self._events.history.post(self._plain.next_body(), created=start + timedelta(seconds=number))
        self._events.changes.note()

    async def run(self, rate: float) -> None:
        """Post so many events of some twenty kinds a second, until cancelled."""
        loop = asyncio.get_running_loop()
        start, posted = loop.time(), 0
        while True:
            await asyncio.sleep(max(_TICK_SECONDS, 1 / rate))
            due = int((loop.time() - start) * rate) - posted
            for _ in range(due):
                self._events.history.post(self._rich.next_body())
            self._events.changes.note()
            posted += due
