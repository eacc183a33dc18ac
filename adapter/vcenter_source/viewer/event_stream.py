"""What pages receive as it happens, as server-sent events (HTML Living Standard, 9.2).

Each page has a revision of the feed, the last one that it has, and receives what is newer. A slow page receives less
often, and of each event only the last state: nothing is queued for it. The id of a message is the process's id and the
revision; a browser that was disconnected sends it in Last-Event-ID and resumes from there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web

from vcenter_source.viewer import guard
from vcenter_source.viewer.feed import Feed

FLUSH_SECONDS = 0.1
"""How often pages receive what is new."""

CHUNK_SIZE = 500
"""Events in one message."""

BUSY_LIMIT = 25
"""Events that a page receives at once while more of them come: nobody can follow so many, ten times a second. The rest
waits for a quieter moment, and the delivery is not held up."""

STATUS_SECONDS = 1.0
"""How often the header of the page is updated, which also shows any proxy in between that the connection is alive."""


class EventStream:
    """Sends pages what happens. ``about`` is what a page receives first, ``status`` what it receives every second."""

    def __init__(self, feed: Feed, about: Callable[[], dict[str, Any]], status: Callable[[], dict[str, Any]]) -> None:
        self._feed = feed
        self._about = about
        self._status = status
        self._news = asyncio.Condition()
        self._tick = 0
        self._is_busy = False
        self._is_closed = False

    async def flush_regularly(self) -> None:
        """Flush the feed and wake the pages, until cancelled; then their streams end."""
        ticks_per_status = round(STATUS_SECONDS / FLUSH_SECONDS)
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                self._tick += 1
                changed = self._feed.flush()
                self._is_busy = changed > BUSY_LIMIT
                if changed or self._tick % ticks_per_status == 0:
                    await self._wake()
        finally:
            self._is_closed = True
            await self._wake()

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def serve_page(self, request: web.Request) -> web.StreamResponse:
        """Send one page what happens until it goes away or this process ends."""
        response = web.StreamResponse(headers=guard.HEADERS | {"Content-Type": "text/event-stream"})
        with suppress(ConnectionResetError):  # the page has gone
            await response.prepare(request)
            await self._send(request, response)
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse) -> None:
        about = self._about()
        revision = self._revision_of(request.headers.get("Last-Event-ID", ""), about["run"])
        await response.write(format_message("about", about | {"fresh": revision == 0}))
        revision = await self._send_events(response, about["run"], revision)
        last_status = 0.0
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            limit = BUSY_LIMIT if self._is_busy else CHUNK_SIZE
            revision = await self._send_events(response, about["run"], revision, limit)
            if loop.time() - last_status >= STATUS_SECONDS * 0.9:
                last_status = loop.time()
                await response.write(format_message("status", self._status()))
            await self._wait_for_news(revision)

    async def _wait_for_news(self, revision: int) -> None:
        """Wait for what a page with this revision does not have; for a moment only if there is more already."""
        if revision < self._feed.revision:
            await asyncio.sleep(FLUSH_SECONDS)
            return
        async with self._news:
            await self._news.wait()

    async def _send_events(
        self, response: web.StreamResponse, run: str, revision: int, limit: int | None = None
    ) -> int:
        """Send what is newer than a revision; return the revision that the page has then."""
        changed = self._feed.find_changed(revision, limit)
        for start in range(0, len(changed), CHUNK_SIZE):
            chunk = changed[start : start + CHUNK_SIZE]
            events = {"oldest": self._feed.oldest, "events": [record.changes_since(revision) for record in chunk]}
            await response.write(format_message("events", events, f"{run}-{chunk[-1].revision}"))
        return changed[-1].revision if changed else revision

    def _revision_of(self, last_event_id: str, run: str) -> int:
        """Return the revision that a page has; 0 where it has nothing of this process's."""
        page_run, _, revision = last_event_id.partition("-")
        number = int(revision) if revision.isascii() and revision.isdecimal() and len(revision) <= 15 else 0  # noqa: PLR2004
        return number if page_run == run and number <= self._feed.revision else 0


def format_message(event: str, data: Any, message_id: str = "") -> bytes:
    """Format one server-sent event; JSON has no line ends in it."""
    head = f"id: {message_id}\n" if message_id else ""
    return b"%bevent: %b\ndata: %b\n\n" % (
        head.encode(),
        event.encode(),
        orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z),
    )
