"""Categories and tags by their names. The API has no call for that, so each is asked for its name."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vcenter_functions.errors import NotFoundError
from vcenter_functions.vcenter.answers import expect_ids, expect_object
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.dialects import Operation

CONCURRENT_CALLS = 16
"""How many names are asked for at the same time: as many connections as httpx keeps open, and no burden to vCenter."""

ANSWER_SECONDS = 600.0
"""How long the answers of an unfinished look-up are kept, so that the next event continues it."""


@dataclass(slots=True)
class _Search:
    """One search, which several calls at a time go on with: ``urns`` are those not asked for yet."""

    name: str
    urns: Iterator[str]
    found: dict[str, Any] | None = None
    has_ended: bool = False


class Lookup:
    """Finds a category or a tag by name.

    TIMEOUT may cut a look-up short. If each try began anew, a look-up among many categories would never end. So the
    answers are kept until ``forget``.
    """

    def __init__(self, client: VcenterClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._answers: dict[str, tuple[float, dict[str, Any] | None]] = {}
        """The answer for each id, and when it came; None for one that was deleted."""
        self._names: dict[str, str] = {}
        """The last name of each id: a hint for the next look-up, since names can change."""

    async def list_categories(self) -> list[str]:
        """Return the ids of all categories."""
        return await self._client.call(Operation("GET", "category"), expect_ids)

    async def list_tags(self, category_id: str) -> list[str]:
        """Return the ids of a category's tags."""
        return await self._client.call(lambda dialect: dialect.list_tags(category_id), expect_ids)

    async def find_by_name(self, resource: str, name: str, urns: list[str]) -> dict[str, Any] | None:
        """Return the one of these categories or tags that has this name, with its ``id``; None if none has it.

        Those that had the name at an earlier look-up are asked first.
        """
        search = _Search(name, iter(sorted(urns, key=lambda urn: self._names.get(urn) != name)))
        workers = (self._search(resource, search) for _ in range(CONCURRENT_CALLS))
        results = await asyncio.gather(*workers, return_exceptions=True)
        if search.found is None:
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        return search.found

    def forget(self) -> None:
        """Forget all answers when a look-up has ended: names can change."""
        self._answers.clear()

    async def _search(self, resource: str, search: "_Search") -> None:
        """Ask for one name after the other until the search ends. What others are being answered then is kept."""
        for urn in search.urns:
            try:
                answer = await self.fetch(resource, urn)
            except BaseException:
                search.has_ended = True
                raise
            if answer is not None and answer["name"] == search.name:
                search.found, search.has_ended = answer, True
            if search.has_ended:
                return

    async def fetch(self, resource: str, urn: str) -> dict[str, Any] | None:
        """Return a category or a tag, with its ``id``; None if it was deleted."""
        since, answer = self._answers.get(urn, (0.0, None))
        if urn in self._answers and self._clock() - since < ANSWER_SECONDS:
            return answer
        answer = None
        with suppress(NotFoundError):  # deleted since it was listed
            body = await self._client.call(Operation("GET", resource, urn), expect_object("name"))
            answer = {**body, "id": urn}
            self._names[urn] = body["name"]
        self._answers[urn] = self._clock(), answer
        return answer
