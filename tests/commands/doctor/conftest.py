"""The doctor, and a vCenter whose password is one that must not be shown."""

from collections.abc import Iterator

import pytest

from tests.support.doctor import Doctor, account, run_vcenter
from vcenter_simulator.server import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulated vCenter with three events, the same one for all tests of a module."""
    with run_vcenter() as simulator:
        yield simulator


@pytest.fixture
def doctor(simulator: Simulator, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The doctor of an adapter that prints its events."""
    return Doctor(capsys, {"VCENTER_URL": simulator.url, "K_SINK": "-"} | account())
