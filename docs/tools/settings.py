"""``python -m docs.tools.settings``: write the tables of docs/settings.md and of functions/*/README.md from the code.

Each setting is documented once, in the docstring under its field. A test holds the page to what this writes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pytag.settings import Settings as PytagSettings
from vcenter_functions.registry import load
from vcenter_functions.settings import FunctionSettings
from vcenter_source.settings.dead_letters import ReceiverServerSettings
from vcenter_source.settings.environment import get_names, list_areas, list_fields
from vcenter_source.settings.openfaas import ShimSettings
from vcenter_source.settings.source import Settings as AdapterSettings

PAGE = Path(__file__).parents[1] / "settings.md"
PROGRAMS: dict[str, type[BaseModel]] = {
    "The adapter: `vcenter-source run`": AdapterSettings,
    "The OpenFaaS gateway: `vcenter-source openfaas-shim`": ShimSettings,
    "The dead letters: `vcenter-source dead-letters receive`": ReceiverServerSettings,
    "The function: `python -m pytag`": PytagSettings,
}
"""Each program's settings, by the heading of its tables."""
FUNCTIONS = sorted(Path(__file__).parents[2].glob("functions/*/README.md"))
TITLES = {"vcenter": "vCenter"}
"""How an area is written, if not as its attribute."""


def render(page: str) -> str:
    """The page with its tables written anew; the headings and the text stay. Raises KeyError for an unknown heading."""
    begin, *sections = page.split("\n## ")
    return "\n## ".join([begin, *map(_render_section, sections)])


def _render_section(section: str) -> str:
    """The heading and the text under it as they were, then a table, or one under a heading for each area."""
    heading, _, rest = section.partition("\n")
    text = re.split(r"^(?:### |\|)", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()
    settings = PROGRAMS[heading]
    tables = [_render_area(name, area) for name, area in list_areas(settings)] or [_render_table(settings)]
    return "\n\n".join(part for part in (heading, text, *tables) if part) + "\n"


def _render_area(name: str, area: type[BaseModel]) -> str:
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    text = str(area.__doc__).partition("\n\n")[0].replace("``", "`")
    return f"### {title}\n\n{' '.join(text.split())}\n\n{_render_table(area)}"


def _render_table(settings: type[BaseModel]) -> str:
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows(settings)])


def render_readme(readme: Path) -> str:
    """The README of a function with the table of its own settings written anew, if it has one."""
    page = readme.read_text(encoding="utf-8")
    begin, heading, rest = page.partition("| variable | default | meaning |\n|---|---|---|\n")
    if not heading:
        return page
    shared = set(rows(FunctionSettings))
    classes = {each.parameters.settings_class for each in load(readme.parent).handlers} - {None}
    own = [row for each in classes if each is not None for row in rows(each) if row not in shared]
    return "".join([begin, heading, *(f"{row}\n" for row in own), re.sub(r"\A(\|.*\n)*", "", rest)])


def rows(settings: type[BaseModel]) -> Iterator[str]:
    """A line of the table for each setting."""
    for field in list_fields(settings):
        variable, *_ = get_names(field)
        if field.description is None:
            raise TypeError(f"{variable} has no docstring")
        yield f"| `{variable}` | {default(field)} | {' '.join(field.description.split())} |"


def default(field: FieldInfo) -> str:
    """A setting's default as a person would write it; empty where there is none."""
    if field.is_required():
        return "required"
    if field.default in ({}, None, ""):
        return ""
    if field.default == ():
        return "all"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    is_whole = isinstance(field.default, float) and field.default.is_integer()
    return f"`{int(field.default) if is_whole else field.default}`"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for readme in FUNCTIONS:
        readme.write_text(render_readme(readme), encoding="utf-8")
