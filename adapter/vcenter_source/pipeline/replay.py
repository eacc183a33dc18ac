"""The dead letters of a folder, sent to the sink again: in order, one at a time, each removed once it is accepted.

Letters are removed when their file is done, also when it is broken off; until then it is noted which were accepted, so
that a kill makes no more than the one on its way be sent again. None is ever lost.
"""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import structlog
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vcenter_source.core import tracing
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Receipt, Sink
from vcenter_source.core.errors import ConfigurationError, EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.settings.sink import DeadLetterSettings, SinkSettings
from vcenter_source.settings.source import ReplaySettings
from vcenter_source.sinks.http import open_http_sink
from vcenter_source.sinks.openfaas.sink import OpenfaasSink, openfaas_sink
from vcenter_source.state.dead_letters import without_error_attributes
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter

log = structlog.get_logger()

TRIES = 4
"""How often a letter is sent that the sink answers with "not now". Someone waits for the command to end."""

TURNED_AWAY = 5
"""Letters in a row, and none accepted before, after which a sink that turns them away would do so with all."""

STOP_SECONDS = 2.0
"""How long a stop waits for the answer to the letter that is on its way; else it would be sent again next time."""


@dataclass(slots=True)
class Summary:
    """How a replay went. ``stopped`` is why it went no further, None where it came to its end."""

    accepted: int = 0
    refused: int = 0
    stopped: str | None = None

    @property
    def clean(self) -> bool:
        """Whether every letter that was wanted has gone."""
        return self.refused == 0 and self.stopped is None

    def __str__(self) -> str:
        words = f"{self.accepted} accepted and removed, {self.refused} refused again and kept"
        return words if self.stopped is None else f"{words}; stopped, since {self.stopped}"


class Replay:
    """One run over a folder. ``done`` is called after each line, whether it was wanted or not."""

    def __init__(
        self,
        folder: DeadLetterFolder,
        sink: Sink,
        backoff: Backoff,
        *,
        done: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._backoff = backoff
        self._done = done
        self._sleep = sleep
        self._turned_away = 0
        """Letters in a row."""
        self.summary = Summary()

    async def run(self, event_id: str | None = None) -> Summary:
        """Send every letter, or those of this event id. A sink that gives no answer ends it: none would be accepted.

        Raises DeadLetterUnavailableError where another replay is going on.
        """
        with self._folder.lock_for_replay():
            for file in self._folder.files():
                accepted: set[bytes] = set()
                try:
                    await self._file(self._folder.letters_of(file), event_id, accepted)
                except SinkUnavailableError as exc:
                    self.summary.stopped = str(exc)
                finally:
                    self._folder.remove(file, accepted)
                if self.summary.stopped is not None:
                    break
        return self.summary

    def stop(self) -> None:
        """End after the letter that is on its way."""
        self.summary.stopped = "it was told to stop"

    async def _file(self, letters: Iterator[StoredLetter], event_id: str | None, accepted: set[bytes]) -> None:
        for letter in letters:
            if event_id in {None, letter.event.get_id()}:
                await self._one(letter, accepted)
            self._done()
            if self.summary.stopped is not None:
                return

    async def _one(self, letter: StoredLetter, accepted: set[bytes]) -> None:
        event = without_error_attributes(letter.event)
        span = traced(event)
        event.get_attributes().update(tracing.context_headers(span))  # an earlier version stored other flags, too
        if isinstance(self._sink, OpenfaasSink):
            await self._sink.note_takers(event, letter.takers)
        try:
            await self._send(Envelope(event, span=span))
        except (EventRefusedError, SinkUnavailableError) as exc:
            if exc.status is None and isinstance(exc, SinkUnavailableError):
                raise
            self.summary.refused += 1
            log.error("refused again", event_id=event.get_id(), event_type=event.get_type(), reason=str(exc))
            self._turned_away = self._turned_away + 1 if isinstance(exc, SinkAccessError) else 0
            if self._turned_away >= TURNED_AWAY and not self.summary.accepted:
                raise
        else:
            self._folder.accepted(letter)
            self.summary.accepted += 1
            accepted.add(letter.line)

    async def _send(self, envelope: Envelope) -> Receipt:
        """Send one event, a few times where its failure may pass."""
        while envelope.attempt < TRIES - 1:
            try:
                return await self._sink.send(envelope)
            except SinkAccessError:
                raise  # nobody lets us in while we wait
            except SinkUnavailableError as exc:
                await self._sleep(self._backoff.delay(envelope.attempt, at_least=exc.retry_after or 0.0))
                envelope.attempt += 1
        return await self._sink.send(envelope)


def traced(event: CloudEvent) -> Span:
    """The span that the event's trace began with, by its extensions: what it was read in may have ended long ago."""
    return get_current_span(TraceContextTextMapPropagator().extract(event.get_attributes()))


def folder_of(settings: DeadLetterSettings) -> DeadLetterFolder:
    """The folder that DEAD_LETTER_PATH names."""
    if settings.path is None:
        raise ConfigurationError("DEAD_LETTER_PATH: not set; set it to the folder that the adapter has it set to")
    return DeadLetterFolder(settings.path, settings.max_bytes)


def tell_where_missing(settings: DeadLetterSettings) -> None:
    """That there are no letters may mean that the folder is another one."""
    path = settings.path
    if path is not None and not path.is_dir():
        log.warning("no such folder yet; the adapter makes it for its first dead letter", path=str(path))


async def replay(settings: ReplaySettings, event_id: str | None) -> Summary:
    """Send the letters of DEAD_LETTER_PATH to K_SINK, with a bar of progress on a terminal."""
    folder = folder_of(settings.dead_letters)
    if settings.sink.address in {None, "-"}:
        raise ConfigurationError("K_SINK: not set; set it, or --sink, to the http(s) address to send to")
    tell_where_missing(settings.dead_letters)
    backoff = Backoff(base=0.5, longest=settings.retry.max_delay, random=random.random)
    async with sender_of(settings.sink) as sink:
        with progress(folder) as done:
            return await stoppable(Replay(folder, sink, backoff, done=done), event_id)


async def stoppable(replaying: Replay, event_id: str | None) -> Summary:
    """Run it until it is done, or SIGTERM or SIGINT comes; a second one does not wait for an answer any more."""
    loop, work = asyncio.get_running_loop(), asyncio.ensure_future(replaying.run(event_id))

    def stop() -> None:
        if replaying.summary.stopped is not None:
            work.cancel()
        replaying.stop()
        loop.call_later(STOP_SECONDS, work.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await work
    return replaying.summary


@asynccontextmanager
async def sender_of(settings: SinkSettings) -> AsyncIterator[Sink]:
    """The sink that K_SINK or --sink names."""
    if settings.is_openfaas:
        async with openfaas_sink(settings) as functions:
            yield functions
        return
    async with open_http_sink(settings.for_replay()) as sink:
        yield sink


@contextmanager
def progress(folder: DeadLetterFolder) -> Iterator[Callable[[], None]]:
    """A bar on standard error, where that is a terminal; call what this gives after each letter."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # takes its time to load
    from rich.progress import MofNCompleteColumn, Progress

    total = sum(1 for _ in folder.letters())
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("dead letters", total=total)
        yield lambda: bar.advance(task)
