"""What holds for every function of the gallery: its size, and what its list of types becomes."""

import tomllib
from pathlib import Path

import pytest

from docs.tools.settings import FUNCTIONS
from tests.support.manifest_files import ROOT
from vcenter_source.commands.function.event_names import translate_name
from vcenter_source.triggers.event_catalog import EventCatalog

HANDLERS = [readme.with_name("handler.py") for readme in FUNCTIONS]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_has_at_most_100_lines(handler: Path) -> None:
    assert len(handler.read_text().splitlines()) <= 100


def test_mypy_checks_each_handler() -> None:
    """Those that are no packages are named one by one."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["modules"]
    folders = {handler.parent.name for handler in HANDLERS if not (handler.parent / "__init__.py").exists()}
    assert set(wanted) == {f"{folder}.handler" for folder in folders}


def test_event_type_ids_of_vcenter_are_types_in_a_trigger_too() -> None:
    catalog = EventCatalog()
    prefix = "com.vmware.event.ex."
    for name in ("com.vmware.vc.ha.VmRestartedByHAEvent", "com.vmware.vc.HA.*"):
        assert translate_name(name, catalog).types == (f"{prefix}{name}",)
        assert translate_name(name, catalog).foreign == ()
