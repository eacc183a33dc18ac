"""Store the letters that others send, each once, however often it comes.

A sender whose answer is lost sends its letter again. The same letter is the same event (source, id and time) refused by
the same receiver. The last one is kept, not the first:

    letter stored ──▶ a replay sends it ──▶ refused again: it comes back here ──▶ the replay is answered, and removes
                                                                                  the line that it has read

With the first one kept, nothing would be left.
"""

import asyncio
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path

import orjson
import structlog
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.events.codec import CheckedEvent
from vcenter_source.state.dead_letters import explain_refusal
from vcenter_source.state.dead_letters.folder import DeadLetterFolder

log = structlog.get_logger()

MAX_KNOWN = 100_000
"""How many letters are recognized, the last ones; each takes some 200 bytes of memory."""

IDENTITY = ("source", "id", "time", "knativeerrordest")


class LetterInbox:
    """Stores letters in a folder. ``load`` comes first."""

    def __init__(self, folder: DeadLetterFolder, max_known: int = MAX_KNOWN) -> None:
        self._folder = folder
        self._max_known = max_known
        self._files: OrderedDict[bytes, Path] = OrderedDict()
        """Where a letter was when it came. Others remove letters, so it may be gone."""
        self._turn = asyncio.Lock()

    def load(self) -> None:
        """Recognize the letters that the folder has. Raises DeadLetterUnavailableError."""
        known: list[tuple[bytes, Path]] = []
        for file in reversed(self._folder.list_files()):
            known += [(identify_letter(letter.line), file) for letter in self._folder.read_letters_of(file)]
            if len(known) >= self._max_known:
                break
        self._files = OrderedDict(reversed(known))

    async def accept(self, letter: CloudEvent) -> None:
        """Return when the letter is on the disk. Raises DeadLetterUnavailableError."""
        explained = CheckedEvent(
            letter.get_attributes() | {"deadletterreason": explain_refusal(letter)}, letter.get_data()
        )
        async with self._turn:
            file, line = await self._folder.append(explained)
            identity = identify_letter(line)
            earlier = self._files.pop(identity, None)
            self._files[identity] = file
            if len(self._files) > self._max_known:
                self._files.popitem(last=False)
            if earlier is not None:
                await asyncio.to_thread(self._remove_earlier, earlier, identity, line)

    def _remove_earlier(self, file: Path, identity: bytes, kept: bytes) -> None:
        """Remove a letter from its file, but for its last line. If that fails, it is there twice, and not lost."""
        try:
            self._folder.filter(file, lambda line: line == kept or identify_letter(line) != identity)
        except DeadLetterUnavailableError as exc:
            log.warning("a letter that came again is stored twice", reason=str(exc))


def identify_letter(line: bytes) -> bytes:
    """Return what is the same for two lines of the same letter, and for no others; its own for a damaged line."""
    try:
        attributes = orjson.loads(line)
        content = orjson.dumps([attributes.get(name) for name in IDENTITY])
    except (ValueError, AttributeError):
        content = line
    return blake2b(content, digest_size=16).digest()
