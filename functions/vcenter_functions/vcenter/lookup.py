"""Categories and tags by their names. The API has no call for that, so each is asked for its name."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vcenter_functions.errors import NotFoundError
from vcenter_functions.vcenter.answers import expect_ids, expect_object
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.dialects import Operation

CONCURRENT_CALLS = 8
"""How many names are asked for at the same time: a fraction of what vCenter's API allows one client."""

ANSWER_SECONDS = 600.0
"""How long the answers of an unfinished look-up are kept, so that the next event continues it."""


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

    async def list_categories(self) -> list[str]:
        """Return the ids of all categories."""
        return await self._client.call(Operation("GET", "category"), expect_ids)

    async def list_tags(self, category_id: str) -> list[str]:
        """Return the ids of a category's tags."""
        return await self._client.call(lambda dialect: dialect.list_tags(category_id), expect_ids)

    async def find_by_name(self, resource: str, name: str, urns: list[str]) -> dict[str, Any] | None:
        """Return the one of these categories or tags that has this name, with its ``id``; None if none has it."""
        for start in range(0, len(urns), CONCURRENT_CALLS):
            for answer in await self._fetch_all(resource, urns[start : start + CONCURRENT_CALLS]):
                if answer is not None and answer["name"] == name:
                    return answer
        return None

    def forget(self) -> None:
        """Forget all answers when a look-up has ended: names can change."""
        self._answers.clear()

    async def _fetch_all(self, resource: str, urns: list[str]) -> list[dict[str, Any] | None]:
        """Fetch some at the same time. If one fails, the answers of the others are kept all the same."""
        results = await asyncio.gather(*(self.fetch(resource, urn) for urn in urns), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def fetch(self, resource: str, urn: str) -> dict[str, Any] | None:
        """Return a category or a tag, with its ``id``; None if it was deleted."""
        since, answer = self._answers.get(urn, (0.0, None))
        if urn in self._answers and self._clock() - since < ANSWER_SECONDS:
            return answer
        answer = None
        with suppress(NotFoundError):  # deleted since it was listed
            body = await self._client.call(Operation("GET", resource, urn), expect_object("name"))
            answer = {**body, "id": urn}
        self._answers[urn] = self._clock(), answer
        return answer
