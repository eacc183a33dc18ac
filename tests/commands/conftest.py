"""What receives dead letters, as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.letter_receiver import LetterReceiver, receiver_at


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[LetterReceiver]:
    with receiver_at(tmp_path / "letters") as running:
        yield running
