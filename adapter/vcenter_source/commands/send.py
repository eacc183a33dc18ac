"""``vcenter-source send``: CloudEvents from a file or standard input to an HTTP address, one by one in order."""

import asyncio
import queue
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

import typer
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.commands.interruption import run_until_signal
from vcenter_source.commands.output import paint, print_lines
from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import ConfigurationError, EventRefusedError, PermanentError, SinkUnavailableError
from vcenter_source.events.codec import parse_event
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.sink import SinkSettings, validate_sink_address
from vcenter_source.sinks.http import open_http_sink

STANDARD_INPUT = "-"
_STRUCTURED = {"content-type": "application/cloudevents+json"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class SendSummary:
    """What became of the events; ``skipped`` are those of other types."""

    accepted: int = 0
    failed: int = 0
    skipped: int = 0
    is_interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all events were read, and each that was sent was accepted."""
        return self.failed == 0 and not self.is_interrupted

    def __str__(self) -> str:
        parts = [f"{self.accepted} accepted"]
        parts += [f"{self.failed} not accepted"] if self.failed else []
        parts += [f"{self.skipped} of other types"] if self.skipped else []
        return f"{', '.join(parts)}{'; interrupted' if self.is_interrupted else ''}."


def read_sink_settings(to: str | None) -> SinkSettings:
    """Return the settings of the sink at ``to``, K_SINK's by default. Raises ConfigurationError."""
    try:
        validate_sink_address(to)
    except ValueError as exc:
        raise ConfigurationError(f"--to: {exc}") from exc
    settings = read_area(SinkSettings, K_SINK=to)
    if not settings.is_remote:
        raise ConfigurationError("--to: not set; set it, or K_SINK, to the http(s) address to send to")
    if settings.is_openfaas:
        raise ConfigurationError("--to: cannot be a gateway; name a function, such as http://GATEWAY/function/NAME")
    return settings.for_replay()


def open_events(path: str) -> BinaryIO:
    """Open a file of events, or standard input. Raises ConfigurationError."""
    if path == STANDARD_INPUT:
        return open(0, "rb", closefd=False)  # not sys.stdin: a thread that waits for it would disturb Python's end
    try:
        return Path(path).open("rb")
    except OSError as exc:
        raise ConfigurationError(f"{path}: {exc.strerror}") from exc


async def send_events(path: str, to: str | None, patterns: Sequence[str], out: TextIO = sys.stdout) -> SendSummary:
    """Send the events of a file that match a pattern, all without patterns, and print the answer to each.

    Raises ConfigurationError, PermanentError for a line that holds no event, and SinkUnavailableError where nothing
    answers to the first event.
    """
    settings, types = read_sink_settings(to), TypeFilter(tuple(patterns), setting="--type")
    file, name = open_events(path), "standard input" if path == STANDARD_INPUT else path
    async with open_http_sink(settings) as sink:
        sender = EventSender(sink, types, out)
        work = sender.run(read_events(file, name))
        await run_until_signal(work, sender.stop, is_sending=lambda: sender.is_sending)
        return sender.summary


class EventSender:
    """Sends events one by one, and counts what becomes of them."""

    def __init__(self, sink: Sink, types: TypeFilter, out: TextIO) -> None:
        self._sink = sink
        self._types = types
        self._out = out
        self.summary = SendSummary()
        self.is_sending = False

    async def run(self, events: AsyncIterator[CloudEvent]) -> None:
        """Send the events of the wanted types, until the last one or until ``summary`` says "interrupted"."""
        async for event in events:
            if not self._is_wanted(event):
                self.summary.skipped += 1
                continue
            self.is_sending = True
            await self._send(event)
            self.is_sending = False
            if self.summary.is_interrupted:
                return

    def stop(self) -> None:
        """End after the event that is in flight."""
        self.summary.is_interrupted = True

    def _is_wanted(self, event: CloudEvent) -> bool:
        type_, name = event.get_type(), str(event.get_extension("eventname") or event.get_type())
        class_name = str(event.get_extension("eventancestors") or name).partition(",")[0]
        return self._types.accepts(class_name, name, type_)

    async def _send(self, event: CloudEvent) -> None:
        with tracing.start_resend_span(event) as span:
            try:
                receipt = await self._sink.send(Envelope(event, span=span))
            except (SinkUnavailableError, EventRefusedError) as exc:
                tracing.mark_failed(span, exc)
                if isinstance(exc, SinkUnavailableError) and exc.status is None and not self._has_answers:
                    raise
                self.summary.failed += 1
                self._print(event, exc.status, str(exc))
            else:
                self.summary.accepted += 1
                self._print(event, receipt.status)

    @property
    def _has_answers(self) -> bool:
        return self.summary.accepted + self.summary.failed > 0

    def _print(self, event: CloudEvent, status: int | None, reason: str = "") -> None:
        answer = paint(str(status or "-"), "red" if reason else "green", self._out)
        values = [answer, event.get_type(), event.get_subject() or "-", event.get_id(), " ".join(reason.split())]
        print_lines([("  " if self._out.isatty() else "\t").join(filter(None, values))], self._out)


async def read_events(file: BinaryIO, name: str) -> AsyncIterator[CloudEvent]:
    """Yield the events of a file as they come. Raises PermanentError for a line that holds none."""
    number = 0
    async for line in _read_lines(file):
        number += 1
        text = line.removeprefix(_BYTE_ORDER_MARK).strip()
        if not text:
            continue
        try:
            event = parse_event(_STRUCTURED, text)
        except EventRefusedError as exc:
            raise PermanentError(f"{name}, line {number}: {exc}; write each event as one line of JSON") from exc
        if isinstance(event.get_data(), dict):
            event.get_attributes().setdefault("datacontenttype", "application/json")
        yield event


async def _read_lines(file: BinaryIO) -> AsyncIterator[bytes]:
    """Yield lines; a thread of its own waits for them, so that an interrupt need not wait for the next one."""
    loop = asyncio.get_running_loop()
    wanted: queue.SimpleQueue[asyncio.Future[bytes | OSError]] = queue.SimpleQueue()

    def read() -> None:
        with suppress(RuntimeError):  # the loop has ended
            while True:
                loop.call_soon_threadsafe(_set_result, wanted.get(), _read_line(file))

    threading.Thread(target=read, name="lines", daemon=True).start()
    while True:
        coming: asyncio.Future[bytes | OSError] = loop.create_future()
        wanted.put(coming)
        line = await coming
        if isinstance(line, OSError):
            raise PermanentError(f"the events cannot be read: {line.strerror}") from line
        if not line:
            return
        yield line


def _read_line(file: BinaryIO) -> bytes | OSError:
    try:
        return file.readline()
    except OSError as exc:
        return exc


def _set_result(coming: "asyncio.Future[bytes | OSError]", line: bytes | OSError) -> None:
    if not coming.done():
        coming.set_result(line)


def print_summary(summary: SendSummary) -> None:
    """Print what became of the events on standard error."""
    typer.echo(str(summary), err=True)
