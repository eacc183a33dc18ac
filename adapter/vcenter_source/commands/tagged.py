"""``vcenter-source tagged``: the objects that carry a tag, which is what a group that goes by this tag will hold."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

import orjson

from vcenter_source.core.errors import ConfigurationError, PermanentError
from vcenter_source.settings.vcenter import VcenterSettings
from vcenter_source.triggers.listing import show_lines
from vcenter_source.triggers.suggestions import nearest, or_else
from vcenter_source.vcenter.inventory_names import names
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.tags import Tags, reading_tags

URN = re.compile(r"urn:vmomi:InventoryServiceTag:[^:\s]+:[^:\s]+")
COLUMNS = ("type", "moid", "name")
_FEW = 8


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object with the tag. ``name`` is None where it is gone, hidden from the account, or not of the inventory."""

    type: str
    name: str | None
    moid: str

    def row(self) -> dict[str, str | None]:
        """What is shown."""
        return {"type": self.type, "moid": self.moid, "name": self.name}


def objects(settings: VcenterSettings, tag: str) -> list[Tagged]:
    """What carries a tag (``category/name``, or its urn) now, by type and name. Raises ConfigurationError for another.

    The failures of ``vcenter_source.core.errors``: PermanentError where vCenter shows the account no such tag.
    """
    category, _, name = tag.partition("/")
    if not URN.fullmatch(tag) and not (category and name):
        raise ConfigurationError(f"{tag!r} is no tag; write category/name, or the tag's urn")
    authorities = settings.authorities()
    session = Session(settings.url, settings.credentials, authorities)
    try:
        session.log_in()
        with reading_tags(settings.url, settings.credentials(), authorities.context()) as tags:
            found = tags.objects_with(tag if URN.fullmatch(tag) else find(tags, category, name))
        if found is None:
            raise unknown(tags.host, f"tag {tag}")
        known = names(session, found)
        return sorted((Tagged(each.type, known.get(each), each.value) for each in found), key=in_order)
    finally:
        session.log_out()


def find(tags: Tags, category: str, name: str) -> str:
    """The id of a tag. Raises PermanentError, with the nearest names, where there is none."""
    categories = tags.categories()
    if category not in categories:
        raise unknown(tags.host, f"category {category}", category, categories)
    siblings = tags.tags_of(categories[category])
    if name not in siblings:
        raise unknown(tags.host, f"tag {name} in the category {category}", name, siblings)
    return siblings[name]


def unknown(host: str, what: str, name: str = "", there: Iterable[str] = ()) -> PermanentError:
    """What to raise for what is not there, or not for this account: vCenter tells the two not apart."""
    few = ", ".join(sorted(there)[:_FEW])
    instead = or_else(nearest(name, there)) or (f"; there is {few}" if few else "")
    return PermanentError(f"vCenter {host} shows this account no {what}{instead}")


def in_order(each: Tagged) -> tuple[str, str, str]:
    """By type, then name."""
    return each.type, each.name or "", each.moid


def show(found: Iterable[Tagged], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print them: a table for a terminal, tab-separated lines or JSON for a program. Raises OutputClosedError."""
    rows = [each.row() for each in found]
    if as_json:
        show_lines((orjson.dumps(row).decode() for row in rows), out)
    elif out.isatty():
        _table(rows, out)
    else:
        show_lines(("\t".join(row[column] or "" for column in COLUMNS) for row in rows), out)


def _table(rows: list[dict[str, str | None]], out: TextIO) -> None:
    from rich.console import Console  # takes its time to load, and a program that reads lines has no need of it
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(row[column] or "", overflow="fold") for column in COLUMNS))
    Console(file=out).print(table if rows else "nothing carries it")
