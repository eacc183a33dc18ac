"""What pages are told as it happens, as server-sent events (HTML Living Standard, 9.2).

Each page has a place of its own, the last revision that it was told, and is told what is newer. A slow page is told
less often, and of each event only the last: nothing is queued for it. The id of a message is the process's and the
revision; a browser that was cut off names it in Last-Event-ID and goes on from there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web

from vcenter_source.viewer import guard
from vcenter_source.viewer.feed import Feed

TELL_SECONDS = 0.1
"""How often pages are told of what is new."""

CHUNK = 500
"""Events in one message."""

MOST = 25
"""Events that a page is told of at once while more of them come. So many, ten times a second, nobody can follow: the
rest waits for a quieter moment, and the delivery is not held up."""

STATUS_SECONDS = 1.0
"""How often the top of the page is told of, which also shows whoever is in between that the connection lives."""


class Told:
    """Tells pages. ``about`` is what a page is told first, ``status`` what it is told every second."""

    def __init__(self, feed: Feed, about: Callable[[], dict[str, Any]], status: Callable[[], dict[str, Any]]) -> None:
        self._feed = feed
        self._about = about
        self._status = status
        self._moved = asyncio.Condition()
        self._tick = 0
        self._busy = False
        self._over = False

    async def tell_regularly(self) -> None:
        """Settle the feed and wake the pages, until cancelled; then their streams end."""
        every = round(STATUS_SECONDS / TELL_SECONDS)
        try:
            while True:
                await asyncio.sleep(TELL_SECONDS)
                self._tick += 1
                settled = self._feed.settle()
                self._busy = settled > MOST
                if settled or self._tick % every == 0:
                    await self._wake()
        finally:
            self._over = True
            await self._wake()

    async def _wake(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Tell one page until it goes away or this process ends."""
        response = web.StreamResponse(headers=guard.HEADERS | {"Content-Type": "text/event-stream"})
        with suppress(ConnectionResetError):  # it is gone
            await response.prepare(request)
            await self._tell(request, response)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse) -> None:
        about = self._about()
        revision = self._resumed(request.headers.get("Last-Event-ID", ""), about["run"])
        await response.write(message("about", about | {"fresh": revision == 0}))
        revision = await self._tell_events(response, about["run"], revision)
        told_status = 0.0
        loop = asyncio.get_running_loop()
        while not self._over:
            revision = await self._tell_events(response, about["run"], revision, MOST if self._busy else CHUNK)
            if loop.time() - told_status >= STATUS_SECONDS * 0.9:
                told_status = loop.time()
                await response.write(message("status", self._status()))
            await self._news(revision)

    async def _news(self, known: int) -> None:
        """Wait for what a page does not know; where it was told of a part alone, for a moment."""
        if known < self._feed.revision:
            await asyncio.sleep(TELL_SECONDS)
            return
        async with self._moved:
            await self._moved.wait()

    async def _tell_events(self, response: web.StreamResponse, run: str, revision: int, most: int | None = None) -> int:
        """Tell what is newer than a revision; the one that the page knows then."""
        changed = self._feed.since(revision, most)
        for start in range(0, len(changed), CHUNK):
            events = [each.told_since(revision) for each in changed[start : start + CHUNK]]
            reached = changed[start : start + CHUNK][-1].revision
            await response.write(message("events", {"oldest": self._feed.oldest, "events": events}, f"{run}-{reached}"))
        return changed[-1].revision if changed else revision

    def _resumed(self, last_event_id: str, run: str) -> int:
        """The revision that a page knows; 0 where it knows nothing of this process's."""
        of_run, _, revision = last_event_id.partition("-")
        known = int(revision) if revision.isascii() and revision.isdecimal() and len(revision) <= 15 else 0  # noqa: PLR2004
        return known if of_run == run and known <= self._feed.revision else 0


def message(event: str, data: Any, message_id: str = "") -> bytes:
    """One server-sent event; JSON has no line ends in it."""
    head = f"id: {message_id}\n" if message_id else ""
    return b"%bevent: %b\ndata: %b\n\n" % (
        head.encode(),
        event.encode(),
        orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z),
    )
