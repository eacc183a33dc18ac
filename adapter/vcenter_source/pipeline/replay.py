"""Send the dead letters of a folder to the sink again: in order, one at a time, each removed once it is accepted.

Letters are removed when their file is done, also when the run ends early. Until then a journal holds which were
accepted, so that after a kill only the one in flight is sent again. No letter is ever lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import structlog

from vcenter_source.core import tracing
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Receipt, Sink
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.sinks.openfaas.sink import OpenfaasSink
from vcenter_source.state.dead_letters import without_error_attributes
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter

log = structlog.get_logger()

MAX_ATTEMPTS = 4
"""How often a letter is sent whose failure may pass. Someone waits for the command to end."""

MAX_DENIED = 5
"""Letters in a row that end the run if the sink denies access to all of them and has accepted none before."""


@dataclass(slots=True)
class ReplaySummary:
    """How a replay went.

    ``stopped`` is the reason why it ended early, None where it sent every letter. ``refusal`` is the last one's reason.
    """

    accepted: int = 0
    refused: int = 0
    stopped: str | None = None
    refusal: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every letter that was to be sent was accepted."""
        return self.refused == 0 and self.stopped is None

    def __str__(self) -> str:
        text = f"{self.accepted} accepted and removed, {self.refused} refused again and kept"
        return text if self.stopped is None else f"{text}; stopped early: {self.stopped}"


class Replay:
    """One run over a folder.

    ``on_letter`` is called after each letter, sent or skipped, with whether the sink has accepted it.
    """

    def __init__(
        self,
        folder: DeadLetterFolder,
        sink: Sink,
        backoff: Backoff,
        *,
        on_letter: Callable[[StoredLetter, bool], None] = lambda _, __: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._backoff = backoff
        self._on_letter = on_letter
        self._sleep = sleep
        self._denied = 0
        """The last letters in a row to which the sink denied access."""
        self.summary = ReplaySummary()

    async def run(self, is_wanted: Callable[[StoredLetter], bool] = lambda _: True) -> ReplaySummary:
        """Send every letter that is wanted. A sink that does not answer ends the run.

        A letter that comes back while this runs, since a function has refused it once more, is not sent again.
        Raises DeadLetterUnavailableError while another replay runs.
        """
        with self._folder.lock_for_replay():
            for file, size in self._folder.measure_files():
                accepted: set[bytes] = set()
                try:
                    await self._send_file(self._folder.read_letters_of(file, size), is_wanted, accepted)
                except SinkUnavailableError as exc:
                    self.summary.stopped = str(exc)
                finally:
                    self._folder.remove(file, accepted)
                if self.summary.stopped is not None:
                    break
        return self.summary

    def stop(self) -> None:
        """End after the letter that is in flight."""
        self.summary.stopped = "interrupted by a signal"

    async def _send_file(
        self, letters: Iterator[StoredLetter], is_wanted: Callable[[StoredLetter], bool], accepted: set[bytes]
    ) -> None:
        for letter in letters:
            if is_wanted(letter):
                await self._send_letter(letter, accepted)
            self._on_letter(letter, letter.line in accepted)
            if self.summary.stopped is not None:
                return

    async def _send_letter(self, letter: StoredLetter, accepted: set[bytes]) -> None:
        event = without_error_attributes(letter.event)
        span = tracing.restore_span(event)
        event.get_attributes().update(tracing.context_headers(span))  # an earlier version stored other flags, too
        if isinstance(self._sink, OpenfaasSink):
            await self._sink.note_takers(event, letter.takers)
        try:
            await self._try(Envelope(event, span=span))
        except (EventRefusedError, SinkUnavailableError) as exc:
            if exc.status is None and isinstance(exc, SinkUnavailableError):
                raise
            self.summary.refused += 1
            self.summary.refusal = str(exc)
            log.error(
                "sink refused the dead letter again",
                event_id=event.get_id(),
                event_type=event.get_type(),
                reason=str(exc),
            )
            self._denied = self._denied + 1 if isinstance(exc, SinkAccessError) else 0
            if self._denied >= MAX_DENIED and not self.summary.accepted:
                raise
        else:
            self._folder.note_accepted(letter)
            self.summary.accepted += 1
            accepted.add(letter.line)

    async def _try(self, envelope: Envelope) -> Receipt:
        """Send one event, several times where its failure may pass."""
        while envelope.attempt < MAX_ATTEMPTS - 1:
            try:
                return await self._sink.send(envelope)
            except SinkAccessError:
                raise  # waiting gives us no access
            except SinkUnavailableError as exc:
                await self._sleep(self._backoff.delay(envelope.attempt, at_least=exc.retry_after or 0.0))
                envelope.attempt += 1
        return await self._sink.send(envelope)
