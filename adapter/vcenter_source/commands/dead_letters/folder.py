"""The folder that DEAD_LETTER_PATH names, and the letters in it that a command is about."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from vcenter_source.core.errors import ConfigurationError, UnknownLetterError
from vcenter_source.settings.sink import DeadLetterSettings
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter

log = structlog.get_logger()


def open_folder(settings: DeadLetterSettings) -> DeadLetterFolder:
    """Return the folder. Raises ConfigurationError where it is not set."""
    return DeadLetterFolder(require_path(settings), settings.max_bytes)


def require_path(settings: DeadLetterSettings) -> Path:
    """Return DEAD_LETTER_PATH. Raises ConfigurationError where it is not set."""
    if settings.path is None:
        raise ConfigurationError("DEAD_LETTER_PATH: not set; set it to the same folder as for the adapter")
    return settings.path


def warn_of_missing(settings: DeadLetterSettings) -> None:
    """Log a warning where the folder does not exist: the adapter may have another one."""
    if settings.path is not None and not settings.path.is_dir():
        log.warning("no such folder yet; the adapter makes it for its first dead letter", path=str(settings.path))


def find_letters(folder: DeadLetterFolder, ids: Sequence[str]) -> Iterator[StoredLetter]:
    """Yield the letters of these events, oldest first, or all without ids.

    One event may have been refused by several functions.
    """
    return (letter for letter in folder.read_letters() if is_wanted(letter, ids))


def is_wanted(letter: StoredLetter, ids: Sequence[str]) -> bool:
    """Whether a letter is of one of these events; each one is without ids."""
    return not ids or letter.event.get_id() in ids


def check_ids(folder: DeadLetterFolder, ids: Sequence[str]) -> None:
    """Check that each of these events has a letter. Raises UnknownLetterError, before anything is done."""
    missing = set(ids) - {letter.event.get_id() for letter in find_letters(folder, ids)} if ids else set()
    if missing:
        unknown = ", ".join(each for each in dict.fromkeys(ids) if each in missing)
        raise UnknownLetterError(f"no dead letter has the id {unknown}; vcenter-source dead-letters list shows the ids")
