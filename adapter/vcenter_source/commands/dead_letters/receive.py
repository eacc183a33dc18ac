"""``vcenter-source dead-letters receive``: keep the letters that a Broker or an adapter sends, in DEAD_LETTER_PATH.

What its statuses mean to a sender: 204: the letter is on the disk. 400, 413, 415: it is no event, or too large. 503 and
507: send it again, the folder cannot be written, or is full.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from http import HTTPStatus

import structlog
from aiohttp import web
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.commands.dead_letters.folder import open_folder
from vcenter_source.commands.dead_letters.replay import open_replay_sink
from vcenter_source.core import tracing
from vcenter_source.core.errors import DeadLetterFullError, DeadLetterUnavailableError, EventRefusedError
from vcenter_source.core.http_server import BindAddress, catch_stop
from vcenter_source.core.request_server import serve_requests
from vcenter_source.events.codec import check_coding, parse_event
from vcenter_source.settings.dead_letters import ReceiverSettings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.state.dead_letters import explain_refusal
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.state.dead_letters.inbox import LetterInbox

log = structlog.get_logger()


class Receiver:
    """The endpoints. Letters are accepted on any path."""

    def __init__(self, folder: DeadLetterFolder, inbox: LetterInbox) -> None:
        self._folder = folder
        self._inbox = inbox

    async def respond(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Answer a request."""
        if request.method == "POST":
            return await self._accept({name.lower(): value for name, value in request.headers.items()}, body)
        if request.method in {"GET", "HEAD"} and request.path == "/healthz":
            return web.Response(text="ok\n")
        if request.method in {"GET", "HEAD"} and request.path == "/readyz":
            return await self._show_readiness()
        return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"allow": "POST"})

    async def _accept(self, headers: dict[str, str], body: bytes) -> web.Response:
        try:
            check_coding(headers)
            letter = parse_event(headers, body)
        except EventRefusedError as exc:
            log.error("not a dead letter, refused", reason=str(exc))
            return explain_failure(exc.status or HTTPStatus.BAD_REQUEST, exc)
        span = tracing.start_process_span(letter, headers)
        try:
            await self._inbox.accept(letter)
        except DeadLetterUnavailableError as exc:
            log.error("dead letter not stored, its sender will send it again", reason=str(exc), **name_letter(letter))
            tracing.set_error(span, exc, type(exc).__name__)
            is_full = isinstance(exc, DeadLetterFullError)
            return explain_failure(HTTPStatus.INSUFFICIENT_STORAGE if is_full else HTTPStatus.SERVICE_UNAVAILABLE, exc)
        finally:
            span.end()
        log.info("dead letter stored", reason=explain_refusal(letter), **name_letter(letter))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _show_readiness(self) -> web.Response:
        try:
            await asyncio.to_thread(self._folder.check_writable)
        except DeadLetterUnavailableError as exc:
            return explain_failure(HTTPStatus.SERVICE_UNAVAILABLE, exc)
        return web.Response(text="ok\n")


def explain_failure(status: int, why: Exception) -> web.Response:
    """Return a response that says in a line what went wrong."""
    return web.Response(status=status, text=f"{why}\n")


def name_letter(letter: CloudEvent) -> dict[str, str]:
    """Return what the log says of a letter."""
    return {"event_id": letter.get_id(), "event_type": letter.get_type()}


@asynccontextmanager
async def serve_receiver(settings: ReceiverSettings) -> AsyncIterator[int]:
    """Serve while this lasts, at the port given. Letters in progress are answered before it ends.

    Raises ConfigurationError when the port cannot be had.
    """
    folder, server = open_folder(settings.dead_letters), settings.server
    inbox = LetterInbox(folder)
    await asyncio.to_thread(inbox.load)
    receiver = Receiver(folder, inbox)
    address = BindAddress(server.host, server.port, "PORT")
    async with (
        show_letters(settings, folder),
        serve_requests(receiver.respond, address, server.max_body_bytes, server.drain_timeout) as port,
    ):
        yield port


@asynccontextmanager
async def show_letters(settings: ReceiverSettings, folder: DeadLetterFolder) -> AsyncIterator[None]:
    """Serve the viewer, if VIEWER is set; it sends letters to K_SINK."""
    if settings.viewer.address is None:
        yield
        return
    from vcenter_source.viewer.start import start_letter_viewer  # it loads what nobody else needs

    async with (
        open_replay_sink(settings.sink) if settings.sink.is_remote else nullcontext() as sink,
        start_letter_viewer(settings, folder, sink),
    ):
        yield


async def run_receiver(settings: ReceiverSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    warn_of_misspelt(ReceiverSettings)
    stop = catch_stop()
    async with serve_receiver(settings) as port:
        log.info("receiving dead letters", host=settings.server.host, port=port, path=str(settings.dead_letters.path))
        await stop.wait()
    log.info("stopped")
