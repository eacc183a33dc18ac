"""What is written for people: README.md, its neighbours and the pages of docs/, and what is in them."""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GUARANTEES = DOCS / "guarantees.md"
CHANGELOG = ROOT / "CHANGELOG.md"
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.glob("*.md")} - {CHANGELOG})
"""All but the changelog, which names what is no more."""


def page(file: str) -> str:
    return text(DOCS / file)


def text(*pages: Path) -> str:
    """What the pages say, one after the other; all of them where none is named."""
    return "\n".join(path.read_text(encoding="utf-8") for path in pages or PAGES)


def name(path: Path) -> str:
    """A page's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as repository sites and mkdocs make them."""
    prose = re.sub(r"^```.*?^```$", "", text(path), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(of: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order, without the indentation that a list gives them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", of, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def rows(of: str) -> list[list[str]]:
    """The cells of each row of each table, without the headings."""
    tables = re.findall(r"^\|.*\n\|[ |-]+\n((?:\|.*\n)*)", of, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def section(of: str, heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    rest = of.partition(f"{heading}\n")[2]
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
