"""Chromium, headless, and pages in it that fail a test for an error or a breach of the page's own policy."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PROVOKED = ("Failed to load resource", "blocked by CORS policy", "frame-ancestors")
"""What a browser says of the refusals that a test provokes."""

REBOUND = "rebound.example.com"
"""A name of somebody else's that resolves to this machine."""

# What a browser would otherwise do besides: call home, and use what a container does not have.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
)  # fmt: skip
ROWS = "#rows [role=row]:not([hidden])"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The browser that CHROMIUM names, or one on PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = chromium()
    if found is None:
        pytest.exit("NOT RUN: no Chromium is on PATH; install one (apt install chromium), or name it in CHROMIUM", 1)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 860}, locale="en-GB", timezone_id="UTC")
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; what it complains of fails the test, but for answers that a test provokes."""
    opened, complaints = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield opened
    assert [each for each in complaints if not any(words in each for words in PROVOKED)] == []
