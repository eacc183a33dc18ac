"""What mkdocs does beside its own: pages from outside docs/, and links to what the site does not have.

The pages are written to be read on a repository's site too, where ``../bench/RESULTS.md`` is the file beside ``docs``.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/vcenter-source/vcenter-source/blob/main/"

PATTERNS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "bench/RESULTS.md", "bench/plots/*.svg")
"""What of the repository is part of the site, under the same path."""

LINK = re.compile(r"(?<=\]\()(?:\.\./)?([^)#:\s]+)")
"""Where an inline link without a scheme leads."""


def on_files(files: Files, config: "MkDocsConfig") -> Files:
    """Add the pages and pictures from outside docs/."""
    for path in sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern)):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, files: Files, page: Any, **_: Any) -> str:
    """Lead each link to the page that the site has, or else into the repository."""
    folder = Path(page.file.abs_src_path).parent

    def lead(link: re.Match[str]) -> str:
        path = (folder / link[0]).resolve().relative_to(ROOT)
        inside = path.relative_to("docs") if path.is_relative_to("docs") else path
        if not (ROOT / path).exists():
            return link[0]  # for mkdocs to warn of
        if files.get_file_from_path(inside.as_posix()) is None:
            return REPOSITORY + path.as_posix()
        return "../" * (page.file.src_uri.count("/")) + inside.as_posix()

    return LINK.sub(lead, markdown)
