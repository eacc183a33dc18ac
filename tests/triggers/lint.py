"""Lint's findings for a spec, its filters, or its attributes."""

from typing import Any

import pytest
import yaml

from vcenter_source.events.catalog import all_classes
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

LONG = pytest.mark.guarantees
ON, OFF = "com.vmware.event.vm.poweredon", "com.vmware.event.vm.poweredoff"
CATALOGS = {"vcenter": EventCatalog(), "veba": EventCatalog("veba")}
CHECKER = ValueChecker(CATALOGS["vcenter"])
SENT = sorted(each.type for each in all_classes().values() if each.type in set(CATALOGS["vcenter"].types))


def lint(text: str, checker: ValueChecker = CHECKER) -> list[Finding]:
    node = yaml.compose(text)
    assert node is not None
    return lint_spec(node, checker)


def of_filters(*elements: Any, checker: ValueChecker = CHECKER) -> list[Finding]:
    return lint(yaml.safe_dump({"filters": list(elements)}), checker)


def of_attributes(checker: ValueChecker = CHECKER, /, **attributes: str) -> list[Finding]:
    return lint(yaml.safe_dump({"filter": {"attributes": attributes}}), checker)
