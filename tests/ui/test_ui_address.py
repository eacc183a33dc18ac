"""The address of the page holds what is shown, and what is filtered: by search, by a click on a value."""

from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.viewer import make_event, run_viewer_alone
from tests.ui.browser import ROWS

pytestmark = pytest.mark.ui
NOW = datetime.now(UTC)

FOUND = """([searches, row]) => import('/search.js').then(({ parseSearch, matchesAll }) =>
    searches.filter((search) => matchesAll(parseSearch(search), row)))"""
ROW = {
    "message": "web-1 on esx-1 in DC0 is powered on",
    "type": "com.vmware.event.vm.poweredon",
    "name": "web-1",
    "object": "VirtualMachine:vm-7",
    "user": "EXAMPLE\\mira",
    "family": "Vm",
    "vcenter": "east",
    "state": "dead letter",
    "severity": "WARN",
    "reason": "503 Service Unavailable",
    "id": "4711",
}


def test_a_search_has_words_phrases_fields_and_negations(page: Page) -> None:
    finds = [
        "WEB-1 powered", '"is powered on"', "-db", '-"is powered off"', "type:vm.poweredon", "type:vm.*", "user:mira",
        "type:com.vmware.event.vm.poweredon", 'state:"dead letter"', "-state:delivered", "object:vm-7", "object:web-*",
        "user:EXAMPLE\\mira", "id:4711 vcenter:east", 'reason:"503 service"', "vm.*", "severity:warn -severity:error",
        "", "-", "type:", '"', 'state:"dead', "web-1 -",
    ]  # fmt: skip
    misses = [
        "web-1 off", '"powered is"', "-web", '-"is powered on"', "type:vm.powered*off", "type:powered*", "user:web",
        "-type:vm.*", "vm.poweredoff", "id:47*12", "-user:mira", "http://web-1",
    ]  # fmt: skip
    hay = "\n".join(ROW.values()).lower()
    with run_viewer_alone() as viewer:
        page.goto(viewer.url)
        assert page.evaluate(FOUND, [finds + misses, ROW | {"hay": hay}]) == finds


def test_a_view_outlives_a_reload_and_its_link_can_be_sent(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key % 3}") for key in range(300)))
        viewer.post(make_event(900, name="db-1", severitytext="ERROR"), state="retrying")
        page.goto(viewer.url)
        page.fill("#search", 'web-1 -"web-2 on"')
        page.get_by_role("checkbox", name="INFO").check()
        row = page.locator(ROWS, has_text="web-1").nth(3)
        row.click()
        page.get_by_role("tab", name="Timeline").click()
        expect(page.locator(".steps li")).to_have_count(3)
        title = page.get_by_role("heading", level=2).inner_text()
        link = page.url
        for open_it in (page.reload, lambda: (page.goto("about:blank"), page.goto(link))):
            open_it()
            expect(page.locator("#shown")).to_have_text("100 of 301")
            expect(page.locator("#search")).to_have_value('web-1 -"web-2 on"')
            expect(page.get_by_role("checkbox", name="INFO")).to_be_checked()
            expect(page.get_by_role("heading", level=2)).to_have_text(title)
            expect(page.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")
            expect(page.locator("#rows [aria-selected=true]")).to_be_in_viewport()


def test_back_undoes_one_step_after_the_other(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key % 3}") for key in range(30)))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("30 events")
        page.locator("#search").press_sequentially("web-1")
        page.get_by_role("checkbox", name="INFO").check()
        page.locator(ROWS).first.click()
        expect(page.locator("#event")).to_be_visible()
        page.go_back()
        expect(page.locator("#event")).to_be_hidden()
        expect(page.get_by_role("checkbox", name="INFO")).to_be_checked()
        page.go_back()
        expect(page.get_by_role("checkbox", name="INFO")).not_to_be_checked()
        expect(page.locator("#search")).to_have_value("web-1")
        page.go_back()
        expect(page.locator("#search")).to_have_value("")
        expect(page.locator("#shown")).to_have_text("30 events")
        page.go_forward()
        expect(page.locator("#shown")).to_have_text("10 of 30")


def test_a_link_to_an_event_that_is_gone_says_so(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1, vcentername="east"), make_event(1, name="db-1", vcentername="west"))
        page.goto(f"{viewer.url}?event=west/1")
        expect(page.get_by_role("heading", level=2)).to_contain_text("db-1")
        page.goto(f"{viewer.url}?event=north/1")
        expect(page.locator("#event")).to_contain_text("This event is not in the history any more.")
        page.get_by_role("button", name="Close the event").click()
        assert page.url == viewer.url


def test_a_time_range_in_the_address_is_kept_to(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, when=NOW - timedelta(seconds=600 - key)) for key in range(0, 600, 10)))
        start, end = (f"{NOW - timedelta(seconds=ago):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" for ago in (300, 200))
        page.goto(f"{viewer.url}?from={start}&to={end}")
        expect(page.locator("#shown")).to_have_text("10 of 60")
        page.locator("#chips button").click()
        expect(page.locator("#shown")).to_have_text("60 events")
        assert page.url == viewer.url


def test_a_time_range_can_be_open_and_longer_than_the_strip(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, when=NOW - timedelta(minutes=120 - key)) for key in range(120)))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("120 events")
        page.locator("#time summary").click()
        assert Axe().run(page).response["violations"] == []
        page.get_by_role("button", name="Last hour").click()
        expect(page.locator("#shown")).to_have_text("59 of 120")
        expect(page.locator("#chips")).to_contain_text("since")
        assert "to=" not in page.url
        page.locator("#time summary").click()
        page.get_by_label("To", exact=True).fill(f"{NOW - timedelta(minutes=40, seconds=30):%Y-%m-%dT%H:%M:%S}")
        expect(page.locator("#shown")).to_have_text("19 of 120")
        page.reload()
        expect(page.locator("#shown")).to_have_text("19 of 120")
        page.locator("#time summary").click()
        page.get_by_role("button", name="Any time").click()
        expect(page.locator("#shown")).to_have_text("120 events")


def test_a_click_on_a_value_filters_by_it_or_excludes_it(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, type=f"com.vmware.event.vm.{'onoff'[key % 2 * 2 :][:3]}") for key in range(10)))
        viewer.post(make_event(51, severitytext="WARN"))
        page.goto(viewer.url)
        expect(page.locator("#shown")).to_have_text("11 events")
        page.locator(ROWS).first.locator(".severity").hover()
        page.get_by_title("Without WARN").first.click()
        expect(page.locator("#event")).to_be_hidden()
        expect(page.locator("#shown")).to_have_text("10 of 11")
        page.locator(ROWS).first.click()
        page.get_by_title("Only Type").click()
        expect(page.locator("#shown")).to_have_text("5 of 11")
        expect(page.locator("#chips li")).to_have_count(2)
        page.locator("#facets details", has_text="Type").get_by_title("Without").first.click()
        expect(page.locator("#chips")).to_contain_text("not Type")
        page.get_by_role("button", name="Clear filters").click()
        expect(page.locator("#shown")).to_have_text("11 events")


def test_a_click_on_a_value_in_the_data_filters_by_it_or_excludes_it(page: Page) -> None:
    leaf = page.locator(".tree .leaf", has_text="nameweb-1")
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key % 3}", message="powered on") for key in range(30)))
        page.goto(viewer.url)
        page.locator(ROWS, has_text="web-1").first.click()
        leaf.hover()
        page.get_by_title("Only vm.name web-1").click()
        expect(page.locator("#shown")).to_have_text("10 of 30")
        expect(page.locator("#chips")).to_have_text("data.vm.name: web-1")
        viewer.post(*(make_event(100 + key, name=f"web-{key % 3}") for key in range(6)))
        expect(page.locator("#shown")).to_have_text("12 of 36")
        page.reload()
        expect(page.locator("#shown")).to_have_text("12 of 36")
        leaf.hover()
        assert Axe().run(page).response["violations"] == []
        page.get_by_title("Without vm.name web-1").click()
        expect(page.locator("#shown")).to_have_text("24 of 36")
        expect(page.locator("#chips")).to_have_text("not data.vm.name: web-1")
        page.go_back()
        expect(page.locator("#shown")).to_have_text("12 of 36")
        page.locator("#chips button").click()
        expect(page.locator("#shown")).to_have_text("36 events")


def test_the_row_of_an_open_event_stays_in_sight(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key % 3}") for key in range(100)))
        page.goto(viewer.url)
        page.locator(ROWS).nth(2).click()
        selected = page.locator("#rows [aria-selected=true]")
        place = selected.bounding_box()
        viewer.post(*map(make_event, range(100, 150)))
        expect(page.locator("#shown")).to_have_text("150 events")
        assert selected.bounding_box() == place
        page.fill("#search", "web-1")
        expect(page.locator("#shown")).to_have_text("83 of 150")
        expect(selected).to_be_in_viewport()
        page.set_viewport_size({"width": 1440, "height": 300})
        expect(selected).to_be_in_viewport()
