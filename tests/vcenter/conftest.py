"""What the tests of the room that talks to vCenter share."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.vcenter import Run


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield runner.run
