"""What mkdocs does beside its own: pages from outside docs/, and links to what the site does not have.

The pages are written to be read on a repository's site too, where ``../bench/RESULTS.md`` is the file beside ``docs``.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/vcenter-source/vcenter-source/blob/main/"

PATTERNS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "bench/RESULTS.md", "bench/plots/*.svg")
"""What of the repository is part of the site, under the same path."""

LINK = re.compile(r"(?<=\]\()[^)#:\s]+(?=[)#])")
"""Where an inline link without a scheme leads."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures from outside docs/."""
    for path in sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern)):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """Lead each link to the page that the site has, or else into the repository."""
    source = Path(str(page.file.abs_src_path))
    up = "../" * page.file.src_uri.count("/")

    def lead(link: re.Match[str]) -> str:
        path = (source.parent / link[0]).resolve().relative_to(ROOT)
        inside = (path.relative_to("docs") if path.is_relative_to("docs") else path).as_posix()
        if files.get_file_from_path(inside):
            return up + inside
        return REPOSITORY + path.as_posix() if (ROOT / path).exists() else link[0]  # mkdocs warns of the latter

    return LINK.sub(lead, markdown)
