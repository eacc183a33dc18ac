"""Dead letters on the page: found by the number in the header, sent again, and gone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.dead_letters import folder_at, letter, names, store
from tests.support.viewer import make_event, run_viewer_alone
from tests.ui.browser import ROWS, open_event
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError
from vcenter_source.state.dead_letters.folder import DeadLetterFolder

pytestmark = pytest.mark.ui


def keep(folder: DeadLetterFolder, *letters: Envelope) -> None:
    """In a thread: Playwright has this one's loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(store, folder, *letters).result()


@pytest.fixture
def folder(tmp_path: Path) -> DeadLetterFolder:
    found = folder_at(tmp_path)
    keep(found, *(letter(str(n)) for n in range(1, 5)))
    return found


def test_a_dead_letter_is_sent_again_and_gone(page: Page, folder: DeadLetterFolder) -> None:
    with run_viewer_alone(letters=folder) as viewer:
        viewer.post(make_event(98))
        page.goto(viewer.url)
        expect(page.locator("#number-letters")).to_have_text("4")
        page.get_by_role("button", name="Show the dead letters").click()
        expect(page.locator(ROWS)).to_have_count(4)
        page.locator(ROWS).last.click()
        page.get_by_role("button", name="Send again…").click()
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_text("The sink accepted it.")).to_be_visible()
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator(".fate .state")).to_have_text("delivered")
        expect(page.locator("#number-letters")).to_have_text("3")
        expect(page.locator(ROWS)).to_have_count(3)
        assert (names(folder), [event.get_id() for event in viewer.sink.events]) == (["2", "3", "4"], ["1"])


def test_many_are_sent_again_and_what_is_refused_stays(page: Page, folder: DeadLetterFolder) -> None:
    with run_viewer_alone(letters=folder) as viewer:
        viewer.sink.refusal, viewer.sink.refused = EventRefusedError("it answers 400: still not"), {"2"}
        page.goto(viewer.url)
        expect(page.locator("#send-letters")).to_be_hidden()
        page.get_by_role("button", name="Show the dead letters").click()
        page.get_by_role("button", name="Send 4 again…").click()
        expect(page.get_by_role("heading", name="Send these 4 dead letters again?")).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        page.get_by_role("button", name="Send again", exact=True).click()
        expect(page.get_by_text("3 accepted, 1 refused: it answers 400: still not")).to_be_visible()
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator("#number-letters")).to_have_text("1")
        expect(page.locator(ROWS)).to_have_count(1)
        assert names(folder) == ["2"]


def test_only_those_that_the_search_shows_are_sent(page: Page, folder: DeadLetterFolder) -> None:
    keep(folder, letter("5", "another text"))
    with run_viewer_alone(letters=folder) as viewer:
        page.goto(viewer.url)
        page.get_by_role("button", name="Show the dead letters").click()
        expect(page.locator(ROWS)).to_have_count(5)
        page.fill("#search", "another")
        page.get_by_role("button", name="Send 1 again…").click()
        page.get_by_role("button", name="Send again", exact=True).click()
        expect(page.get_by_text("1 accepted, 0 refused.")).to_be_visible()
        assert [event.get_id() for event in viewer.sink.events] == ["5"]


def test_one_that_is_kept_elsewhere_is_not_sent_from_here(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(98), state="dead letter")
        open_event(page, viewer.url)
        expect(page.get_by_text("kept at DEAD_LETTER_SINK; send it again from there")).to_be_visible()
        expect(page.get_by_role("button", name="Send again…")).to_have_count(0)
