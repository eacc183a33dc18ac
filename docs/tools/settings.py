"""``python -m docs.tools.settings``: write the tables of docs/settings.md from the settings in the code.

Each setting is documented once, in the docstring under its field. A test holds the page to what this writes.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pytag.settings import Settings as PytagSettings
from vcenter_source.settings.environment import get_names, list_fields
from vcenter_source.settings.openfaas import ShimSettings
from vcenter_source.settings.source import Settings as AdapterSettings

PAGE = Path(__file__).parents[1] / "settings.md"
PROGRAMS: dict[str, type[BaseModel]] = {
    "The adapter: `vcenter-source run`": AdapterSettings,
    "The OpenFaaS gateway: `vcenter-source openfaas-shim`": ShimSettings,
    "The function: `python -m pytag`": PytagSettings,
}
"""Each program's settings, by the heading of its table."""


def render(page: str) -> str:
    """The page with its tables written anew; the headings and the text stay. Raises KeyError for an unknown heading."""
    begin, *sections = page.split("\n## ")
    return "\n## ".join([begin, *map(_render_section, sections)])


def _render_section(section: str) -> str:
    heading, *lines = section.splitlines()
    text = "\n".join(line for line in lines if not line.startswith("|")).strip()
    table = "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows(PROGRAMS[heading])])
    return "\n\n".join(part for part in (heading, text, table) if part) + "\n"


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
    if field.default in ({}, None):
        return ""
    if field.default == ():
        return "all"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    is_whole = isinstance(field.default, float) and field.default.is_integer()
    return f"`{int(field.default) if is_whole else field.default}`"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
