"""What the tests of several files begin with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.guarantees import support as guarantees_support

settings.register_profile("no deadline", deadline=None)  # a machine that is busy for a while is no failure
settings.load_profile("no deadline")


for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):  # of the machine that the tests run on
    os.environ.pop(name, None)
    os.environ.pop(name.lower(), None)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[guarantees_support.World]:
    """The world of the guarantees' tests; its parameter is how many events its vCenter begins with."""
    with guarantees_support.world(tmp_path, backlog=getattr(request, "param", 0)) as made:
        yield made
