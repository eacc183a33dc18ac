"""The form that makes a Trigger of an event."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.viewer import make_event, run_viewer_alone
from tests.ui.browser import open_event

pytestmark = pytest.mark.ui


def test_a_trigger_shows_the_rows_that_its_cesql_matches(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, severitytext="WARN" if key % 4 else "ERROR") for key in range(40)))
        open_event(page, viewer.url, "Make a Trigger")
        page.fill("#trigger-filters", "- cesql: severitytext = 'ERROR' AND type LIKE '%.vm.%'")
        expect(page.locator(".matched")).to_have_text("Matches 10 of the last 40 events.")
        page.get_by_role("button", name="Show only these").click()
        expect(page.locator("#shown")).to_have_text("10 of 40")
        expect(page.locator("#chips")).to_have_text("matched by the Trigger")
        assert Axe().run(page).response["violations"] == []
        page.fill("#trigger-filters", "- cesql: severitytext = 'WARN'")
        expect(page.locator("#shown")).to_have_text("30 of 40")
        viewer.post(make_event(99, severitytext="WARN"))
        expect(page.locator("#shown")).to_have_text("31 of 41")
        page.fill("#trigger-filters", "- cesql: LENGTH(severitytext) > 4 AND INT(id) % 8 < 5")
        expect(page.locator("#shown")).to_have_text("10 of 41")
        page.fill("#trigger-filters", "- cesql: LENGHT(type) > 3")
        expect(page.locator(".findings")).to_contain_text("no function LENGHT; did you mean LENGTH?")
        expect(page.locator(".matched")).to_contain_text("No events are counted")
        expect(page.locator("#shown")).to_have_text("41 events")
        page.fill("#trigger-filters", "- cesql: severitytext = 'WARN'")
        page.get_by_role("button", name="Show only these").click()
        expect(page.locator("#shown")).to_have_text("31 of 41")
        page.get_by_role("button", name="Close the event").click()
        expect(page.locator("#shown")).to_have_text("41 events")


TOO_WIDE = "ids => ids.filter((id) => document.querySelector(id).scrollWidth > document.querySelector(id).clientWidth)"


def test_a_narrow_event_has_room_for_all_that_it_asks(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 700})
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(40)))
        open_event(page, viewer.url)
        page.get_by_role("separator", name="Width of the event").focus()
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        page.get_by_role("tab", name="Make a Trigger").click()
        page.get_by_role("button", name="Show only these").click()
        expect(page.locator("#chips")).to_have_text("matched by the Trigger")
        value = page.get_by_label("type: the value").bounding_box()
        assert value
        assert value["width"] > 200
        assert page.evaluate(TOO_WIDE, ["#event", "[role=tablist]", ".tools", "#chips"]) == []
