"""``python -m bench.png``: the plots as PNG beside the SVG, for places that show no SVG. A Chromium draws them."""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PLOTS = Path(__file__).parent / "plots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Draw each plot at twice its size."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("no Chromium on PATH; install one (apt install chromium), or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(device_scale_factor=2)
        for plot in sorted(PLOTS.glob("*.svg")):
            page.set_content(f"<body style='margin:0'>{plot.read_text()}</body>")
            page.locator("svg").screenshot(path=plot.with_suffix(".png"))
        browser.close()


if __name__ == "__main__":
    main()
