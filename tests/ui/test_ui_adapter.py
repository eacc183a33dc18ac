"""The page of a running adapter, as people use it."""

import time

import pytest
from playwright.sync_api import Page, expect

from simulator.testing import running
from tests.admin_support import control
from tests.support import recording_sink
from tests.viewer_support import viewed

pytestmark = pytest.mark.ui
ROWS = "#rows [role=row]:not([hidden])"


def test_an_event_appears_within_a_second_of_its_creation(page: Page) -> None:
    with running() as simulator, recording_sink() as sink, viewed(simulator, sink.url) as url:
        page.goto(url)
        expect(page.locator("#checks")).to_contain_text("vcenter ok")
        before = page.locator("#shown").inner_text()
        posted = time.monotonic()
        control(simulator, "events", count=1)
        expect(page.locator("#shown")).not_to_have_text(before)
        assert time.monotonic() - posted < 1.0
        row = page.locator(ROWS).first
        expect(row.locator(".state")).to_have_text("delivered")
        assert sink.take().get_id()
