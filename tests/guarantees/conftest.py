"""What only the guarantees' tests begin with."""

import pytest


@pytest.fixture(params=["soap", pytest.param("json", marks=pytest.mark.guarantees)])
def protocol(request: pytest.FixtureRequest) -> str:
    """How the adapters of ``world`` read events, in the tests that use it."""
    return str(request.param)
