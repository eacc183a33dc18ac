"""The browser of these tests, and what is on the page."""

import os
import shutil

from playwright.sync_api import Page

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


def open_event(page: Page, url: str, tab: str | None = None) -> None:
    """Open a viewer's page, the last event on it, and one of its tabs if one is named."""
    page.goto(url)
    page.locator(ROWS).first.click()
    if tab:
        page.get_by_role("tab", name=tab, exact=True).click()
