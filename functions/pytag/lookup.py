"""Categories and tags by their names, for which the API has no call: each is asked for its own."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vcenter_functions.answers import ids, record
from vcenter_functions.client import VcenterClient
from vcenter_functions.dialects import Operation
from vcenter_functions.errors import UnknownError

AT_ONCE = 8
"""How many are asked for at the same time: a fraction of what vCenter's API takes from one client."""

REMEMBERED = 600.0
"""Seconds that the answers of a look-up that did not end are kept, for the next event to go on from there."""


class Lookup:
    """Finds a category or a tag by name.

    A look-up that an event's TIMEOUT cuts short would begin anew with each try, and never end where there are many
    categories. So its answers are kept until ``forget``.
    """

    def __init__(self, client: VcenterClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[float, dict[str, Any] | None]] = {}
        """What each id was answered with, and when; None for one that was deleted."""

    async def categories(self) -> list[str]:
        """The ids of all categories."""
        return await self._client.call(lambda _: Operation("GET", "category"), ids)

    async def tags_of(self, category_id: str) -> list[str]:
        """The ids of a category's tags."""
        return await self._client.call(lambda dialect: dialect.tags_of(category_id), ids)

    async def named(self, resource: str, name: str, among: list[str]) -> dict[str, Any] | None:
        """The one with this name, with the id that it was asked for by; None where there is none."""
        for start in range(0, len(among), AT_ONCE):
            for found in await self._all(resource, among[start : start + AT_ONCE]):
                if found is not None and found["name"] == name:
                    return found
        return None

    def forget(self) -> None:
        """The look-up has ended, and the next one asks anew: names can change."""
        self._known.clear()

    async def _all(self, resource: str, urns: list[str]) -> list[dict[str, Any] | None]:
        """Some of them, at the same time. Where one fails, what the others answered is kept all the same."""
        found = await asyncio.gather(*(self._one(resource, urn) for urn in urns), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    async def _one(self, resource: str, urn: str) -> dict[str, Any] | None:
        at, known = self._known.get(urn, (0.0, None))
        if urn in self._known and self._clock() - at < REMEMBERED:
            return known
        found: dict[str, Any] | None = None
        with suppress(UnknownError):  # deleted since it was listed
            found = {**await self._client.call(lambda _: Operation("GET", resource, urn), record("name")), "id": urn}
        self._known[urn] = self._clock(), found
        return found
