"""What is taken away from the page, its keys, and its divided width."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.viewer import make_event, run_viewer_alone
from tests.ui.browser import open_event

pytestmark = pytest.mark.ui


def download(page: Page, button: str, folder: Path) -> Path:
    page.locator("#export summary").click()
    assert Axe().run(page).response["violations"] == []
    with page.expect_download() as saved:
        page.get_by_role("button", name=button).click()
    path = folder / saved.value.suggested_filename
    saved.value.save_as(path)
    return path


def test_what_is_shown_is_exported(page: Page, tmp_path: Path) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key % 3}") for key in range(1200)))
        viewer.post(make_event(9001, name="web-1", message='=HYPERLINK("http://x")\nand, "more"'), state="retrying")
        page.goto(f"{viewer.url}?q=object:web-1")
        expect(page.locator("#shown")).to_have_text("401 of 1,201")
        lines = download(page, "CloudEvents", tmp_path)
        table = download(page, "List", tmp_path)
    assert re.fullmatch(r"vcenter-events-\d{4}-\d\d-\d\dT\d{6}\.jsonl", lines.name)
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [event["id"] for event in events[:2]] == ["9001", "1198"]
    assert len(events) == 401
    assert events[0]["data"]["fullFormattedMessage"] == '=HYPERLINK("http://x")\nand, "more"'
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 401
    assert (rows[0]["id"], rows[0]["state"], rows[0]["tries"]) == ("9001", "retrying", "1")
    assert rows[0]["message"] == '\'=HYPERLINK("http://x")\nand, "more"', "a spreadsheet must not run it"


def test_an_event_is_copied_as_a_command(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7, name="it's $HOME `x`"))
        open_event(page, viewer.url, "CloudEvent")
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        words = shlex.split(page.evaluate("navigator.clipboard.readText()").replace("\\\n", " "))
    assert words[:3] == ["curl", "-i", "http://broker.example.com/"]
    assert {"ce-id: 7", "ce-specversion: 1.0", "content-type: application/json"} <= set(words)
    assert json.loads(words[words.index("--data-raw") + 1])["vm"]["name"] == "it's $HOME `x`"


def test_the_keys_are_shown_by_one(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("1 event")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_contain_text("next and previous event")
        assert Axe().run(page).response["violations"] == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_width_of_an_event_can_be_changed_and_is_kept(page: Page) -> None:
    def width() -> float:
        box = page.locator("#event").bounding_box()
        assert box
        return box["width"]

    with run_viewer_alone() as viewer:
        viewer.post(make_event(7))
        open_event(page, viewer.url)
        expect(page.get_by_role("heading", level=2)).to_be_visible()
        before, divider = width(), page.get_by_role("separator", name="Width of the event")
        box = divider.bounding_box()
        assert box
        page.mouse.move(box["x"] + 2, 400)
        page.mouse.down()
        page.mouse.move(box["x"] - 100, 400, steps=3)
        page.mouse.up()
        assert 90 < width() - before < 115
        divider.focus()
        page.keyboard.press("ArrowRight")
        narrower = width()
        assert narrower < before + 90
        page.reload()
        expect(page.get_by_role("heading", level=2)).to_be_visible()
        assert abs(width() - narrower) < 2


def test_the_first_key_moves_the_edge_from_where_it_is(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 700})
    divider = page.get_by_role("separator", name="Width of the event")
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7))
        open_event(page, viewer.url)
        before = divider.bounding_box()
        divider.focus()
        page.keyboard.press("ArrowLeft")
        after = divider.bounding_box()
    assert before
    assert after
    assert 15 < before["x"] - after["x"] < 25
