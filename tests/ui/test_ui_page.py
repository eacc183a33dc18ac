"""The page by itself: the list, the filters, what one event shows, whatever stands in it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.viewer import make_event, run_viewer_alone
from tests.support.web_server import web_server
from tests.ui.browser import REBOUND, ROWS, open_event
from vcenter_source.core.errors import EventRefusedError

pytestmark = pytest.mark.ui
NOW = datetime.now(UTC)


def test_search_and_facets_narrow_the_list(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key % 3}") for key in range(30)))
        viewer.post(make_event(98, name="db-1", severitytext="ERROR"), state="dead letter")
        viewer.post(make_event(99, name="db-2", severitytext="WARN"), state="retrying")
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("32 events")
        page.fill("#search", "WEB-1 powered")
        expect(page.locator("#shown")).to_have_text("10 of 32")
        page.get_by_role("button", name="Clear filters").click()
        page.get_by_role("checkbox", name="dead letter").check()
        expect(page.locator(ROWS)).to_have_count(1)
        expect(page.locator(ROWS)).to_contain_text("db-1")
        page.get_by_label("retrying").check()
        expect(page.locator(ROWS)).to_have_count(2)
        page.get_by_label("WARN").check()
        expect(page.locator(ROWS)).to_have_count(1)
        expect(page.locator(ROWS)).to_contain_text("db-2")
        viewer.do(lambda: viewer.observers.on_delivered(viewer.envelopes["99"]))
        expect(page.locator("#empty")).to_have_text("No event matches.")


def test_events_of_several_vcenters_are_told_apart(page: Page) -> None:
    facet = page.locator("#facets details", has_text="vCenter")
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1, name="web-1", vcentername="east"))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("1 event")
        expect(facet).to_be_hidden()
        # The same id, and another machine.
        viewer.post(make_event(51, name="db-1", vcentername="west"), make_event(101, name="db-1", vcentername="west"))
        expect(facet).to_be_visible()
        page.locator("#facets summary", has_text="Object").click()
        objects = page.locator("#facets details", has_text="Object").locator("li")
        expect(objects).to_have_text(["db-12", "web-11"])
        page.get_by_role("checkbox", name="west").check()
        expect(page.locator(ROWS)).to_have_count(2)
        expect(page.locator(ROWS).first).to_contain_text("db-1")
        page.get_by_role("button", name="Clear filters").click()
        page.fill("#search", "east")
        expect(page.locator(ROWS)).to_have_count(1)


def test_a_pause_holds_the_list_and_loses_nothing(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(5)))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("5 events")
        page.keyboard.press("p")
        viewer.post(*map(make_event, range(5, 12)))
        expect(page.get_by_role("button", name="Resume, 7 new")).to_be_visible()
        expect(page.locator("#shown")).to_have_text("5 events")
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("#shown")).to_have_text("12 events")


def test_what_is_read_stays_in_its_place_while_events_come(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, message=f"number {key}") for key in range(500)))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("500 events")
        page.locator("#grid").evaluate("grid => { grid.scrollTop = 3000 }")
        row = page.locator(ROWS, has_text="number 380")
        place = row.bounding_box()
        viewer.post(*(make_event(key, message=f"number {key}") for key in range(500, 700)))
        expect(page.locator("#shown")).to_have_text("700 events")
        assert row.bounding_box() == place


def test_the_keyboard_is_enough(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"machine-{key}") for key in range(100)))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("100 events")
        page.keyboard.press("/")
        page.keyboard.type("machine")
        page.locator("#grid").focus()
        for key in ("ArrowDown", "j", "PageDown", "End", "ArrowUp", "k", "Enter"):
            page.keyboard.press(key)
        expect(page.get_by_role("heading", name="machine-2 on")).to_be_visible()
        expect(page.get_by_role("tab", name="Event", exact=True)).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="CloudEvent")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#event")).to_be_hidden()
        expect(page.locator("#grid")).to_be_focused()


def test_an_event_is_shown_as_it_was_sent(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7, name="web-7"))
        open_event(page, viewer.url)
        page.locator(".tree summary", has_text="vm").first.click()
        expect(page.locator(".tree")).to_contain_text("fullFormattedMessage")
        page.get_by_role("tab", name="CloudEvent").click()
        expect(page.get_by_label("Binary mode").first).to_contain_text("ce-type: com.vmware.event.vm.poweredon")
        page.get_by_role("button", name="Copy").last.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
        assert (copied["id"], copied["data"]["vm"]["name"]) == ("7", "web-7")


def test_an_event_is_sent_again_once_that_is_confirmed(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7))
        open_event(page, viewer.url)
        page.get_by_role("button", name="Send again…").click()
        page.get_by_role("button", name="Cancel").click()
        assert viewer.sink.events == []
        page.get_by_role("button", name="Send again…").click()
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_text("The sink accepted it.")).to_be_visible()
        assert [(e.get_id(), e.get_time()) for e in viewer.sink.events] == [
            ("7", make_event(7, when=viewer.sink.events[0].get_time()).get_time())
        ]
        viewer.sink.refusal = EventRefusedError("it answers 400: no such thing")
        page.get_by_role("button", name="Close", exact=True).click()
        page.get_by_role("button", name="Send again…").click()
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_text("The sink did not accept it: it answers 400: no such thing")).to_be_visible()


HOSTILE = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'>"


def test_a_hostile_event_is_shown_as_text(page: Page) -> None:
    long = "A" * 60_000 + " the end"
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1, name=HOSTILE))
        viewer.post(make_event(2, name="\u202eexe.cod\u0000\u0007\u001b[31m"), make_event(3, name="שלום", message=long))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("3 events")
        first, second, third = page.locator(ROWS).nth(2), page.locator(ROWS).nth(1), page.locator(ROWS).nth(0)
        expect(first.locator(".object")).to_have_text(HOSTILE)
        expect(second.locator(".object")).to_have_text("⟨U+202E⟩exe.cod␀␇␛[31m")
        assert len(third.locator(".message").inner_text()) == 1000
        for row, said in ((first, HOSTILE), (second, "␀␇␛[31m on esx-1"), (third, "the end")):
            row.click()
            expect(page.get_by_role("heading", level=2)).to_contain_text(said)
            for tab in ("CloudEvent", "Timeline", "Make a Trigger", "Event"):
                page.get_by_role("tab", name=tab, exact=True).click()
        for facet in ("Object", "User"):
            page.locator("summary", has_text=facet).first.click()
        page.get_by_label(HOSTILE).check()
        expect(page.locator(ROWS)).to_have_count(1)
        assert page.evaluate("window.owned") is None
        assert page.locator("main script, main img").count() == 0
        for width in (1440, 800, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_times_below_the_strip_do_not_widen_a_phones_page(page: Page) -> None:
    """Whenever it is: the last of them moves from the middle to the end of the strip within five minutes."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.clock.install()
    with run_viewer_alone() as viewer:
        for seconds in range(0, 300, 20):
            page.clock.set_fixed_time(NOW.replace(minute=0, second=0) + timedelta(seconds=seconds))
            page.goto(viewer.url)
            expect(page.locator("#rates .ticks span").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, seconds


def test_fifty_thousand_events_fit_into_page_and_server(page: Page) -> None:
    with run_viewer_alone(limit=10_000) as viewer:
        page.goto(viewer.url)
        for start in range(0, 50_000, 2_500):
            viewer.post(
                *(make_event(key, when=NOW + timedelta(milliseconds=key)) for key in range(start, start + 2_500))
            )
        expect(page.locator(ROWS).first.locator(".time")).to_have_attribute(
            "title", f"{(NOW + timedelta(milliseconds=49_999)).isoformat().replace('+00:00', 'Z')}", timeout=20_000
        )
        expect(page.locator("#shown")).to_have_text("10,000 events")
        assert page.locator("#rows [role=row]").count() < 80
        assert viewer.do(lambda: (len(viewer.feed), viewer.feed.bytes < 30_000_000)) == (10_000, True)
        page.locator("#grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight }")
        expect(page.locator("#rows [aria-rowindex='10001']")).to_be_visible()
        page.fill("#search", "nothing like it")
        expect(page.locator("#empty")).to_be_visible()


def test_the_stream_goes_on_where_it_was_cut_off(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(20)))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("20 events")
        page.context.set_offline(True)
        viewer.post(*map(make_event, range(20, 25)))
        page.context.set_offline(False)
        expect(page.locator("#shown")).to_have_text("25 events", timeout=15_000)


def test_the_token_is_asked_for_and_kept_out_of_the_address(page: Page) -> None:
    with run_viewer_alone(token="sixteen letters, or more") as viewer:
        viewer.post(make_event(1))
        page.goto(viewer.url)
        page.get_by_role("textbox", name="Token").fill("a wrong one")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("this is not the token in VIEWER_TOKEN")
        page.get_by_role("textbox", name="Token").fill("sixteen letters, or more")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#shown")).to_have_text("1 event")
        page.context.clear_cookies()
        page.goto("about:blank")
        page.goto(f"{viewer.url}#token=sixteen%20letters,%20or%20more")
        expect(page.locator("#shown")).to_have_text("1 event")
        assert page.url == viewer.url


FETCHED = "([url, options]) => fetch(url, options).then((response) => response.text(), () => 'refused')"
STREAMED = """url => new Promise((done) => {
    const source = new EventSource(url, { withCredentials: true });
    source.onmessage = source.onopen = () => done("told");
    source.onerror = () => done("refused");
})"""


def test_a_page_of_another_origin_gets_nothing_and_changes_nothing(page: Page) -> None:
    with run_viewer_alone() as viewer, web_server(200, b"<!doctype html><title>another page</title>") as elsewhere:
        viewer.post(make_event(1))
        page.goto(elsewhere)
        assert page.evaluate(FETCHED, [f"{viewer.url}api/events/1", {}]) == "refused"
        assert page.evaluate(STREAMED, f"{viewer.url}api/stream") == "refused"
        blind = {"method": "POST", "mode": "no-cors", "body": "{}", "headers": {"content-type": "text/plain"}}
        assert page.evaluate(FETCHED, [f"{viewer.url}api/events/1/replay", blind]) == "refused"
        typed = {"method": "POST", "body": "{}", "headers": {"content-type": "application/json"}}
        assert page.evaluate(FETCHED, [f"{viewer.url}api/events/1/replay", typed]) == "refused"
        assert viewer.sink.events == []
        page.evaluate(
            "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))", viewer.url
        )
        expect(page.frame_locator("iframe").locator("#shown")).to_have_count(0)


def test_a_name_that_was_made_to_mean_this_machine_is_refused(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1))
        answer = page.goto(viewer.url.replace("127.0.0.1", REBOUND))
        assert answer is not None
        assert answer.status == 421
        assert "loopback name" in page.inner_text("body")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(page: Page, scheme: Literal["light", "dark"]) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(50)))
        viewer.post(make_event(98, severitytext="ERROR"), state="dead letter")
        viewer.post(make_event(99, severitytext="WARN"), state="retrying")
        page.emulate_media(color_scheme=scheme)
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("52 events")
        faults = [*Axe().run(page).response["violations"]]
        page.locator(ROWS).first.click()
        for tab in ("Event", "CloudEvent", "Timeline", "Make a Trigger"):
            page.get_by_role("tab", name=tab, exact=True).click()
            page.wait_for_timeout(300)
            faults += Axe().run(page).response["violations"]
        page.get_by_role("button", name="Send again…").click()
        faults += Axe().run(page).response["violations"]
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(f"{viewer.url}?severity=INFO&not-family=Host&q=web&from=2026-01-01T00:00:00Z")
        page.get_by_role("button", name="Filters", exact=True).click()
        expect(page.locator("#chips li")).to_have_count(3)
        faults += Axe().run(page).response["violations"]
    assert [(each["id"], each["impact"], [node["html"] for node in each["nodes"]][:3]) for each in faults] == []
