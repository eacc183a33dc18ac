"""The page of a running adapter, as people use it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.processes import clean_environment
from tests.support.recording_sink import Answer, recording_sink
from tests.support.simulator_control import control
from tests.support.viewer import run_viewer
from tests.ui.browser import ROWS
from vcenter_simulator.testing import run_simulator

pytestmark = pytest.mark.ui


def test_an_event_appears_within_a_second_of_its_creation(page: Page) -> None:
    with run_simulator() as simulator, recording_sink() as sink, run_viewer(simulator, sink.url) as url:
        page.goto(url)
        expect(page.locator("#checks")).to_contain_text("vcenter ok")
        before = page.locator("#shown").inner_text()
        posted = time.monotonic()
        control(simulator, "events", count=1)
        expect(page.locator("#shown")).not_to_have_text(before)
        assert time.monotonic() - posted < 1.0
        expect(page.locator(ROWS).first.locator(".state")).to_have_text("delivered")


def test_the_sink_down_and_up_again_changes_states(page: Page) -> None:
    up = threading.Event()

    def answer(_: int) -> Answer:
        return (202, {}) if up.is_set() else (503, {})

    with run_simulator() as simulator, recording_sink(answer) as sink, run_viewer(simulator, sink.url) as url:
        sink.objection = b"the Broker is being moved"
        page.goto(url)
        control(simulator, "events", count=3)
        row = page.locator(ROWS).first
        expect(row.locator(".state")).to_have_text("retrying")
        row.click()
        expect(page.locator("#event .why").first).to_contain_text("503 Service Unavailable: the Broker is being moved")
        expect(page.locator("#number-flight")).not_to_have_text("0")
        up.set()
        expect(row.locator(".state")).to_have_text("delivered")
        expect(page.locator("#event .fate")).to_contain_text("delivered after")
        page.get_by_role("tab", name="Timeline").click()
        expect(page.locator(".steps li").last).to_contain_text("the sink acknowledged it")
        expect(page.locator("#number-flight")).to_have_text("0")


def test_a_trigger_made_on_the_page_is_one_that_lint_accepts(page: Page, tmp_path: Path) -> None:
    with run_simulator(backlog=40) as simulator, recording_sink() as sink:  # noqa: SIM117  a line would be too long
        with run_viewer(simulator, sink.url, START_FROM="beginning") as url:
            page.goto(url)
            page.fill("#search", "created resource pool")
            page.locator(ROWS).first.click()
            page.get_by_role("tab", name="Make a Trigger").click()
            expect(page.locator(".matched")).to_contain_text("Matches 10 of the last")
            page.fill("#trigger-filters", "- any:\n  - prefix:\n      type: com.vmware.event.resourcepol\n")
            expect(page.locator(".findings")).to_contain_text("starts with com.vmware.event.resourcepol; did you mean")
            page.fill("#trigger-filters", "- suffix: {type: .created}\n- not: {exact: {severitytext: ERROR}}\n")
            expect(page.locator(".findings li")).to_have_count(0)
            expect(page.locator(".matched")).to_contain_text("Matches 10 of the last")
            expect(page.locator(".trigger pre")).to_contain_text("severitytext: ERROR")
            manifest = tmp_path / "trigger.yaml"
            manifest.write_text(page.locator(".trigger pre").inner_text())
    lint = [sys.executable, "-m", "vcenter_source", "lint", "--strict", str(manifest)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False, env=clean_environment())
    assert (done.returncode, done.stdout) == (0, "1 Trigger: nothing found\n")


def test_view_shows_a_vcenter_and_sends_nothing(page: Page) -> None:
    with run_simulator(backlog=40) as simulator, recording_sink() as sink:
        with run_viewer(simulator, sink.url, "view", simulator.url, "--port", "0") as url:
            page.goto(url)
            row = page.locator(ROWS).first
            expect(row.locator(".state")).to_have_text("read")
            row.click()
            expect(page.get_by_role("heading", level=2)).to_be_visible()
            expect(page.get_by_role("button", name="Send again…")).to_have_count(0)
        assert sink.requests == []
