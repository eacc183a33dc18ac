"""What the tests of the room that talks to vCenter share."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.vcenter import Run
from vcenter_functions.vcenters_file import Protocol


@pytest.fixture(params=["soap", "json"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """How vCenter is spoken to; a test that takes this runs once for each way."""
    way: Protocol = request.param
    return way


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield runner.run
