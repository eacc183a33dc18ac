"""``vcenter-source dead-letters replay``: send the events in DEAD_LETTER_PATH again."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from vcenter_source.commands.dead_letters.folder import check_ids, is_wanted, open_folder, warn_of_missing
from vcenter_source.commands.interruption import run_until_signal
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Sink
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.pipeline.replay import Replay, ReplaySummary
from vcenter_source.settings.sink import SinkSettings
from vcenter_source.settings.source import ReplaySettings
from vcenter_source.sinks.http import open_http_sink
from vcenter_source.sinks.openfaas.sink import openfaas_sink
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter


async def replay_letters(settings: ReplaySettings, ids: Sequence[str]) -> ReplaySummary:
    """Send the letters of these events to K_SINK, or all of them, with a progress bar on a terminal.

    Raises UnknownLetterError.
    """
    folder = open_folder(settings.dead_letters)
    if not settings.sink.is_remote:
        raise ConfigurationError("K_SINK: not set; set it, or --to, to the http(s) address to send to")
    warn_of_missing(settings.dead_letters)
    check_ids(folder, ids)
    backoff = Backoff(longest=settings.retry.max_delay)
    async with open_replay_sink(settings.sink) as sink:
        with _progress(folder) as on_letter:
            replay = Replay(folder, sink, backoff, on_letter=on_letter)
            await run_until_signal(replay.run(lambda letter: is_wanted(letter, ids)), replay.stop)
            return replay.summary


@asynccontextmanager
async def open_replay_sink(settings: SinkSettings) -> AsyncIterator[Sink]:
    """Connect to the sink that K_SINK or --to names."""
    if settings.is_openfaas:
        async with openfaas_sink(settings) as functions:
            yield functions
        return
    async with open_http_sink(settings.for_replay()) as sink:
        yield sink


@contextmanager
def _progress(folder: DeadLetterFolder) -> Iterator[Callable[[StoredLetter, bool], None]]:
    """Show a bar on standard error, where that is a terminal; gives the function to call after each letter."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    from rich.console import Console  # slow to load
    from rich.progress import MofNCompleteColumn, Progress

    total = sum(1 for _ in folder.read_letters())
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("dead letters", total=total)
        yield lambda _, __: bar.advance(task)
