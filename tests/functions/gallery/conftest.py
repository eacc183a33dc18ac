"""The vCenter that the functions of the gallery act on."""

from collections.abc import Iterator

import pytest

from vcenter_functions.testing import SimulatedVcenter, simulate_vcenter


@pytest.fixture
def vcenter() -> Iterator[SimulatedVcenter]:
    """A whole one, in place of that of the other tests of functions, which has no SOAP."""
    with simulate_vcenter() as simulated:
        yield simulated
