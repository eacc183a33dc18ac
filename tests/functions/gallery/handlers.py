"""Functions of the gallery, as they are deployed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import pytest

from tests.support.kit import serve_handlers
from tests.support.manifest_files import ROOT
from vcenter_functions.kit import load_own_settings_of
from vcenter_functions.registry import Registry, load
from vcenter_functions.tracing import Tracing


def load_function(name: str, variables: Mapping[str, str]) -> Registry:
    """Load functions/NAME, and check its settings in this environment."""
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in {"EVENT_TYPES": "", **variables}.items():
            environment.setenv(variable, value)
        registry = load(ROOT / "functions" / name)
        load_own_settings_of(registry)
        return registry


@contextmanager
def serve_function(name: str, variables: Mapping[str, str], tracing: Tracing | None = None) -> Iterator[httpx.Client]:
    """Serve functions/NAME with this environment."""
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in {"EVENT_TYPES": "", **variables}.items():
            environment.setenv(variable, value)
        with serve_handlers(load(ROOT / "functions" / name), tracing=tracing) as client:
            yield client
