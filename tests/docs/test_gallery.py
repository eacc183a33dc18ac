"""docs/gallery.md: it has every function, and what replaces each of the event broker's; what it names is there."""

import re
from pathlib import Path

import pytest

from docs.tools.settings import FUNCTIONS
from tests.docs.pages import DOCS, text
from tests.support.kit import load_text, serve_handlers
from vcenter_functions.event_types import read_event_types

PAGE = text(DOCS / "gallery.md")


def test_every_function_is_on_it() -> None:
    named = set(re.findall(r"^\| \[(\w+)\]", PAGE, re.MULTILINE))
    assert named == {readme.parent.name for readme in FUNCTIONS}


def test_each_of_the_event_brokers_34_functions_has_one_line() -> None:
    named = re.findall(r"`(kn-(?:go|pcli|ps|py)-[a-z-]+)`", PAGE)
    assert (len(named), len(set(named))) == (34, 34)


@pytest.mark.parametrize("types", sorted(set(re.findall(r"EVENT_TYPES=([\w.,*]+)", PAGE))))
def test_the_types_that_it_names_exist(types: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_TYPES", types)
    assert read_event_types("VmEvent") == tuple(types.split(","))


def test_the_kit_takes_an_event_of_another_source(tmp_path: Path) -> None:
    registry = load_text(tmp_path, '@on("dev.knative.sources.ping")\ndef tick(event: Event) -> None:\n    pass\n')
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "dev.knative.sources.ping"}
    event["ce-source"] = "/apis/v1/namespaces/default/pingsources/nightly"
    with serve_handlers(registry) as client:
        assert client.post("/", headers=event, json={"any": "thing"}).status_code == 204
