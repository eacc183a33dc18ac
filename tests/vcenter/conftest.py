"""What the tests of the room that talks to vCenter share."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run one coroutine after another in the same event loop."""
    with asyncio.Runner() as runner:
        yield runner.run
