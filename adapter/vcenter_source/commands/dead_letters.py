"""``vcenter-source dead-letters``: list and replay the events in DEAD_LETTER_PATH, which the sink refused for good."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TextIO

import structlog

from vcenter_source.commands.interruption import run_until_signal
from vcenter_source.commands.output import print_json, print_rows
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Sink
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.pipeline.replay import Replay, ReplaySummary
from vcenter_source.settings.sink import DeadLetterSettings, SinkSettings
from vcenter_source.settings.source import ReplaySettings
from vcenter_source.sinks.http import open_http_sink
from vcenter_source.sinks.openfaas.sink import openfaas_sink
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter

log = structlog.get_logger()

_COLUMNS = ("time", "type", "subject", "id", "reason", "vcenter")


def open_folder(settings: DeadLetterSettings) -> DeadLetterFolder:
    """Return the folder that DEAD_LETTER_PATH names. Raises ConfigurationError where it is not set."""
    if settings.path is None:
        raise ConfigurationError("DEAD_LETTER_PATH: not set; set it to the same folder as for the adapter")
    return DeadLetterFolder(settings.path, settings.max_bytes)


def warn_of_missing(settings: DeadLetterSettings) -> None:
    """Log a warning where the folder does not exist: the adapter may have another one."""
    if settings.path is not None and not settings.path.is_dir():
        log.warning("no such folder yet; the adapter makes it for its first dead letter", path=str(settings.path))


def print_letters(letters: Iterable[StoredLetter], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print the letters, oldest first, as they are read: a folder of any size needs no memory.

    They are a table for a terminal, tab-separated lines or JSON for a program. Raises OutputClosedError where the
    reader has gone.
    """
    rows = _describe(letters)
    if as_json:
        print_json(rows, out)
    else:
        print_rows(rows, _COLUMNS, out, if_empty="no dead letters")


def _describe(letters: Iterable[StoredLetter]) -> Iterator[dict[str, str]]:
    """Yield what is shown of each letter. ``time`` is when the adapter gave up, not when the event happened."""
    for letter in letters:
        attributes = letter.event.get_attributes()
        yield {
            "time": str(attributes.get("deadlettertime", "")),
            "type": attributes["type"],
            "subject": str(attributes.get("subject", "")),
            "id": attributes["id"],
            "reason": " ".join(str(attributes.get("deadletterreason", "")).split()),
            "vcenter": str(attributes.get("vcentername", "")),
        }


async def replay_letters(settings: ReplaySettings, event_id: str | None) -> ReplaySummary:
    """Send the letters of DEAD_LETTER_PATH to K_SINK, with a progress bar on a terminal."""
    folder = open_folder(settings.dead_letters)
    if settings.sink.address in {None, "-"}:
        raise ConfigurationError("K_SINK: not set; set it, or --sink, to the http(s) address to send to")
    warn_of_missing(settings.dead_letters)
    backoff = Backoff(longest=settings.retry.max_delay)
    async with _open_sink(settings.sink) as sink:
        with _progress(folder) as on_letter:
            replay = Replay(folder, sink, backoff, on_letter=on_letter)
            await run_until_signal(replay.run(event_id), replay.stop)
            return replay.summary


@asynccontextmanager
async def _open_sink(settings: SinkSettings) -> AsyncIterator[Sink]:
    """Connect to the sink that K_SINK or --sink names."""
    if settings.is_openfaas:
        async with openfaas_sink(settings) as functions:
            yield functions
        return
    async with open_http_sink(settings.for_replay()) as sink:
        yield sink


@contextmanager
def _progress(folder: DeadLetterFolder) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, where that is a terminal; gives the function to call after each letter."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # slow to load
    from rich.progress import MofNCompleteColumn, Progress

    total = sum(1 for _ in folder.read_letters())
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("dead letters", total=total)
        yield lambda: bar.advance(task)
