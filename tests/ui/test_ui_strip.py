"""The strip in the header: it is read by pointer and keyboard, and chooses a time range."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.viewer import LoneViewer, make_event, run_viewer_alone

pytestmark = pytest.mark.ui


def fill(viewer: LoneViewer) -> datetime:
    """Post 10 events in each of 60 bins, the last of which began five bins ago; return when the first began."""
    now = datetime.now(UTC)
    last = datetime.fromtimestamp(now.timestamp() // 10 * 10 - 50, UTC)
    for number in range(60):
        when = last - timedelta(seconds=10 * (59 - number))
        viewer.post(*(make_event(number * 10 + each, when=when + timedelta(seconds=each)) for each in range(10)))
    return last - timedelta(seconds=590)


def test_a_brush_chooses_a_time_range(page: Page) -> None:
    with run_viewer_alone() as viewer:
        fill(viewer)
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("600 events")
        ticks = page.locator("#rates .ticks span")
        expect(ticks.first).to_have_text(re.compile(r"^\d\d:\d[05]$"))
        assert ticks.count() <= 3, "fewer, by the time of day: there is no room for one at the right end"
        box = page.locator("#strip").bounding_box()
        assert box
        middle, y = box["x"] + box["width"] / 2, box["y"] + 10
        page.mouse.move(middle, y)
        expect(page.locator("#rates .tip")).to_contain_text(": 10 events")
        expect(page.locator("#rates .tip li")).to_have_text(["Vm10"])
        page.mouse.down()
        page.mouse.move(middle + box["width"] / 10, y, steps=3)
        expect(page.locator("#rates .tip")).to_contain_text(re.compile(r": (90|100|110) events"))
        page.mouse.up()
        expect(page.locator("#shown")).to_have_text(re.compile(r"^(90|100|110) of 600$"))
        expect(page.locator("#rates .selection")).to_be_visible()
        assert "from=" in page.url
        page.go_back()
        expect(page.locator("#shown")).to_have_text("600 events")
        expect(page.locator("#rates .selection")).to_be_hidden()


def test_the_strip_is_read_and_brushed_by_keyboard(page: Page) -> None:
    strip = page.locator("#strip")
    with run_viewer_alone() as viewer:
        fill(viewer)
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("600 events")
        strip.focus()
        page.keyboard.press("PageUp")
        page.keyboard.press("PageUp")
        expect(strip).to_have_attribute("aria-valuetext", re.compile(r": 10 events$"))
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowLeft")
        expect(strip).to_have_attribute("aria-valuetext", re.compile(r": 30 events$"))
        assert Axe().run(page).response["violations"] == []
        page.keyboard.press("Enter")
        expect(page.locator("#shown")).to_have_text("30 of 600")
        page.keyboard.press("Escape")
        expect(page.locator("#shown")).to_have_text("600 events")
