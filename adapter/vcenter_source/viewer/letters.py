"""The dead letters of a folder among the events of the history: shown, sent again, and then gone from both.

    folder ──lines──▶ digests ──a new one──▶ a row of the history, or that of the event that has just been refused
                         └─────one is gone─▶ the row is no dead letter any more, whoever has removed it

Others change the folder too: an adapter, ``dead-letters receive``, a replay. So it is looked at once a second, and read
where it has changed.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Sink
from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.pipeline.replay import Replay, ReplaySummary
from vcenter_source.state.dead_letters import explain_refusal, without_error_attributes
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter, decode_letter
from vcenter_source.viewer.feed import Feed, State

log = structlog.get_logger()

WATCH_SECONDS = 1.0
"""How often the folder is looked at."""

LONGEST_WAIT = 5.0
"""Seconds between two tries of a letter. Somebody waits for the answer."""

Key = tuple[str, str, str]
"""Source and id of an event, and who refused it."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What was last read of a file: how it looked then, and the digests of its lines."""

    size: int
    changed: int
    inode: int
    digests: tuple[bytes, ...] = ()


class LetterBox:
    """The letters of a folder in a history. ``sink`` is None where nothing can be sent."""

    def __init__(self, folder: DeadLetterFolder, feed: Feed, sink: Sink | None) -> None:
        self._folder = folder
        self._feed = feed
        self._sink = sink
        self._files: dict[Path, FileState] = {}
        self._keys: dict[bytes, Key] = {}
        """The letters that the history shows, by the digests of their lines."""
        self._numbers: dict[Key, int] = {}
        self._turn = asyncio.Lock()

    @property
    def count(self) -> int:
        """How many letters the folder had at the last look."""
        return sum(len(file.digests) for file in self._files.values())

    async def watch(self) -> None:
        """Look at the folder again and again, until cancelled."""
        problem = ""
        while True:
            try:
                await self.refresh()
                problem = ""
            except DeadLetterUnavailableError as exc:
                if str(exc) != problem:
                    log.warning("cannot read the dead letters", reason=str(exc))
                problem = str(exc)
            await asyncio.sleep(WATCH_SECONDS)

    async def refresh(self) -> None:
        """Look at the folder now. Raises DeadLetterUnavailableError."""
        async with self._turn:
            shown = frozenset(each for each, key in self._keys.items() if self._numbers[key] >= self._feed.oldest)
            files, fresh = await asyncio.to_thread(self._read, self._files, shown)
            if fresh or files != self._files:
                self._files = files
                self._show(fresh)
                self._hide()
                self._feed.flush()

    def _read(
        self, files: dict[Path, FileState], shown: frozenset[bytes]
    ) -> tuple[dict[Path, FileState], list[tuple[bytes, CloudEvent]]]:
        """Return the files as they are now, and the last letters that are not shown, oldest first."""
        room = self._feed.limit // 2
        states, fresh = dict[Path, FileState](), list[tuple[bytes, CloudEvent]]()
        for file in reversed(self._folder.list_files()):
            state = self._read_file(file, files.get(file))
            if state is not None:
                states[file] = state
                missing = [each for each in state.digests[-room:] if each not in shown] if room > 0 else []
                room -= len(state.digests)
                if missing:
                    lines = self._folder.read_lines(file)
                    fresh[:0] = decode_letters(lines, missing)
        return states, fresh

    def _read_file(self, file: Path, before: FileState | None) -> FileState | None:
        """Return a file's state; it is read if it has changed. None if it has gone."""
        try:
            found = file.stat()
        except FileNotFoundError:
            return None
        look = found.st_size, found.st_mtime_ns, found.st_ino
        if before is not None and (before.size, before.changed, before.inode) == look:
            return before
        return FileState(*look, tuple(self._folder.read_lines(file)))

    def _show(self, fresh: Collection[tuple[bytes, CloudEvent]]) -> None:
        """Show letters as rows of the history.

        A letter is stored before its event is noted as refused. Until then it waits for the next look.
        """
        if not fresh:
            return
        self._feed.flush()
        refused, unsettled = self._find("dead letter"), self._find("in flight", "retrying")
        for digest, letter in fresh:
            key = identify(letter)
            if key[:2] in unsettled:
                continue
            when, number = read_time(letter), self._numbers.get(key, refused.get(key[:2], 0))
            if number < self._feed.oldest or not self._feed.refuse(number, when, explain_refusal(letter)):
                number = self._feed.add_letter(without_error_attributes(letter), when, explain_refusal(letter))
            self._numbers[key] = number
            self._keys[digest] = key

    def _find(self, *states: State) -> dict[tuple[str, str], int]:
        """Return the events of the history in these states, but for the letters that are known, by source and id."""
        known, found = set(self._numbers.values()), {}
        for record in self._feed.find_in_states(states):
            if record.number not in known:
                attributes = record.attributes
                found[attributes["source"], attributes["id"]] = record.number
        return found

    def _hide(self) -> None:
        """Let the rows whose letters have gone be no dead letters."""
        present = {digest for file in self._files.values() for digest in file.digests}
        gone = {self._keys.pop(digest) for digest in [*self._keys] if digest not in present}
        for key in gone - set(self._keys.values()):
            self._feed.settle(self._numbers[key], "removed")

    def has(self, number: int) -> bool:
        """Whether the event with this number is a letter in the folder."""
        return any(self._numbers[key] == number for key in self._keys.values())

    async def replay(self, numbers: Collection[int] | None) -> ReplaySummary:
        """Send the letters with these numbers again, or all; those that the sink accepts are gone from the folder.

        Raises DeadLetterUnavailableError.
        """
        if self._sink is None:
            return ReplaySummary(stopped="K_SINK is not set")
        wanted = None if numbers is None else {key for key, number in self._numbers.items() if number in numbers}
        replay = Replay(self._folder, self._sink, Backoff(longest=LONGEST_WAIT), on_letter=self._settle)
        try:
            return await replay.run(lambda letter: wanted is None or identify(letter.event) in wanted)
        finally:
            await self.refresh()

    def _settle(self, letter: StoredLetter, is_accepted: bool) -> None:
        number = self._numbers.get(identify(letter.event))
        if is_accepted and number is not None:
            self._feed.settle(number, "delivered")


def decode_letters(lines: Mapping[bytes, bytes], digests: Iterable[bytes]) -> list[tuple[bytes, CloudEvent]]:
    """Decode the lines with these digests; a damaged one is left out."""
    letters = []
    for digest in digests:
        with suppress(KeyError, ValueError):
            letters.append((digest, decode_letter(lines[digest])))
    return letters


def identify(letter: CloudEvent) -> Key:
    """Return what distinguishes a letter from others."""
    return letter.get_source(), letter.get_id(), str(letter.get_attributes().get("knativeerrordest", ""))


def read_time(letter: CloudEvent) -> float:
    """Return when a letter was stored, in seconds since 1970; 0 where it does not say so."""
    try:
        return datetime.fromisoformat(str(letter.get_attributes().get("deadlettertime", ""))).timestamp()
    except ValueError:
        return 0.0
