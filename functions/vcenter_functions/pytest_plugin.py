"""A plugin of pytest: the fixtures ``function`` and ``vcenter``; see ``testing``.

pytest imports this module in every environment that has the package, so it imports the rest when a fixture is used.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vcenter_functions.testing import Function, SimulatedVcenter

OWN_VCENTER = ("VCENTER_", "VCENTERS_", "GOVC_")
"""What the variables begin with that would lead a test to the user's own vCenter."""


@pytest.fixture
def handler_file(request: pytest.FixtureRequest) -> Path:
    """Return the file whose handlers are tested: ``handler.py`` beside the test. Override it for another."""
    return request.path.with_name("handler.py")


@pytest.fixture
def function_settings() -> Mapping[str, str]:
    """Return the function's settings, by variable. Override it to set some."""
    return {}


@pytest.fixture
def vcenter() -> "Iterator[SimulatedVcenter]":
    """Run a simulated vCenter, as new for each test."""
    from vcenter_functions.testing import simulate_vcenter

    with simulate_vcenter() as simulated:
        yield simulated


@pytest.fixture
def function(
    request: pytest.FixtureRequest,
    handler_file: Path,
    function_settings: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> "Iterator[Function]":
    """Serve the handlers, with a simulated vCenter if one of them, or the test, asks for one.

    With ``VCENTERS_FILE`` in its settings (``testing.write_vcenters``), its vCenters are those.
    """
    from vcenter_functions.testing import load, serve_registry

    for name in [name for name in os.environ if name.startswith(OWN_VCENTER)]:
        monkeypatch.delenv(name)
    registry = load(handler_file)
    asks = any("vcenter" in handler.parameters.names for handler in registry.handlers)
    variables = dict(function_settings)
    if (asks or "vcenter" in request.fixturenames) and "VCENTERS_FILE" not in variables:
        simulated: SimulatedVcenter = request.getfixturevalue("vcenter")
        variables = simulated.variables() | variables
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with serve_registry(registry) as served:
        yield served
