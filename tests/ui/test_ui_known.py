"""What the page says is so: durations, sizes, health, and what it leaves out where nothing is sent."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.viewer import make_event, run_viewer_alone
from tests.ui.browser import open_event
from tests.ui.screenshots import TRACE, Spans

pytestmark = pytest.mark.ui

FORMATTED = "([kind, numbers]) => import('/format.js').then((format) => numbers.map(format[kind]))"


def test_durations_and_sizes_are_rounded_before_the_unit_is_chosen(page: Page) -> None:
    durations = {
        0.42: "0.42 ms", 0.996: "1.0 ms", 99.96: "100 ms", 999.7: "1.00 s", 9_996: "10.0 s", 59_960: "1 min",
        250_000: "4 min 10 s", 299_700: "5 min", 3_599_800: "1 h", 7_500_000: "2 h 5 min", 86_399_000: "1 d",
        273_600_000: "3 d 4 h",
    }  # fmt: skip
    sizes = {812: "812 B", 3_100: "3.1 kB", 999_949: "999.9 kB", 999_960: "1.0 MB", 1_500_000: "1.5 MB"}
    with run_viewer_alone() as viewer:
        page.goto(viewer.url)
        assert page.evaluate(FORMATTED, ["duration", list(durations)]) == list(durations.values())
        assert page.evaluate(FORMATTED, ["size", list(sizes)]) == list(sizes.values())


def test_values_keep_their_places_under_the_pointer(page: Page) -> None:
    values = page.locator("#facets details", has_text="Type").locator("li")
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, type="com.vmware.event.vm.first") for key in range(3)))
        viewer.post(make_event(10, type="com.vmware.event.vm.second"))
        page.goto(viewer.url)
        expect(values).to_have_text(["vm.first3", "vm.second1"])
        values.nth(1).hover()
        viewer.post(*(make_event(key, type="com.vmware.event.vm.second") for key in range(20, 25)))
        viewer.post(*(make_event(key, type="com.vmware.event.vm.third") for key in range(30, 40)))
        expect(values).to_have_text(["vm.first3", "vm.second6", "vm.third10"])
        page.locator("#search").hover()
        viewer.post(make_event(99, type="com.vmware.event.vm.third"))
        expect(values).to_have_text(["vm.third11", "vm.second6", "vm.first3"])


def test_an_event_without_a_trace_says_so(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7))
        open_event(page, viewer.url, "Timeline")
        expect(page.locator("#panel")).to_contain_text("This event is not traced")
        expect(page.locator("#panel")).not_to_contain_text("null")


def test_a_sink_that_refuses_is_failing_at_once(page: Page) -> None:
    pill = page.locator(".pill", has_text="sink")
    with run_viewer_alone() as viewer:
        viewer.do(viewer.status.vcenter.record_success)
        viewer.post(make_event(1), state="retrying")
        page.goto(viewer.url)
        expect(pill.locator("summary")).to_have_text("sink failing")
        expect(pill.locator("p")).to_contain_text("answers 503 Service Unavailable")
        assert viewer.do(lambda: viewer.health.run_checks()["sink"].ok), "it is ready for a while yet"
        viewer.do(lambda: viewer.observers.on_delivered(viewer.envelopes["1"]))
        expect(pill.locator("summary")).to_have_text("sink ok")


def test_an_adapter_that_is_gone_is_not_called_ok(page: Page) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1))
        page.goto(viewer.url)
        expect(page.locator("#checks")).to_contain_text("sink ok")
    expect(page.locator(".pill:visible summary")).to_have_text(["no connection to the adapter"])
    expect(page.locator("#number-flight")).not_to_have_text("0")


def test_where_nothing_is_sent_nothing_is_said_of_deliveries(page: Page) -> None:
    with run_viewer_alone(sink=None) as viewer:
        viewer.do(viewer.status.vcenter.record_success)
        viewer.post(make_event(1))
        page.goto(viewer.url)
        expect(page.locator(".pill:visible summary")).to_have_text(["vcenter ok"])
        expect(page.locator("#numbers > div:visible")).to_have_count(1)
        expect(page.locator("#facets summary", has_text="State")).to_be_hidden()
        expect(page.get_by_role("columnheader", name="State")).to_be_hidden()


NAMED = "spans => import('/span_names.js').then(({ nameSpan }) => spans.map((span) => nameSpan(span).short))"


def test_requests_of_a_trace_have_names_that_differ(page: Page) -> None:
    vcenter = "https://vcenter.example.com/api/cis/tagging"
    tag = "urn:vmomi:InventoryServiceTag:7a0c5b0e-2f0c-4d0e-9b32-2f2b8f0c9a11:GLOBAL"
    spans = [
        ("POST", {"url.full": f"{vcenter}/category?action=list"}, "POST …/tagging/category?action=list"),
        ("POST", {"url.full": f"{vcenter}/tag"}, "POST …/cis/tagging/tag"),
        ("POST /{tag}", {"url.path": f"/api/tag-association/{tag}", "url.query": "action=attach"},
         "POST …/tag-association/…GLOBAL?action=attach"),
        ("GET /healthz", {}, "GET /healthz"),
        ("CloudEvents Process com.vmware.event.vm.poweredon", {}, "CloudEvents Process vm.poweredon"),
    ]  # fmt: skip
    with run_viewer_alone() as viewer:
        page.goto(viewer.url)
        named = page.evaluate(NAMED, [{"name": name, "attributes": attributes} for name, attributes, _ in spans])
    assert named == [short for _, _, short in spans]


def test_the_waterfall_has_a_ruler(page: Page) -> None:
    with run_viewer_alone(spans=Spans()) as viewer:
        viewer.post(make_event(1, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"))
        open_event(page, viewer.url, "Timeline")
        expect(page.locator(".ruler .marks span")).to_have_text(["0", "20 ms", "40 ms"])
        expect(page.locator(".waterfall .label").last).to_have_text("POST …/tag-association?action=attach")
        assert Axe().run(page).response["violations"] == []
