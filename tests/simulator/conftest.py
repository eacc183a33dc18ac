"""Simulators for tests that change them, and one for those that do not."""

from collections.abc import Iterator
from typing import Any

import pytest

from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator, service_instance


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator that a test may change; another one for each test."""
    with run_simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def untouched() -> Iterator[Simulator]:
    """A simulator for what changes nothing."""
    with run_simulator() as simulator:
        yield simulator


@pytest.fixture
def service(simulator: Simulator) -> Iterator[Any]:
    """The simulator by pyVmomi's own client, logged in."""
    with service_instance(simulator) as service:
        yield service
