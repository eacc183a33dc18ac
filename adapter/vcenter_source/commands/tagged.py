"""``vcenter-source tagged``: the objects that carry a tag, which are those that a group by this tag will have."""

import asyncio
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TextIO

from vcenter_functions.spelling import closest_matches, did_you_mean
from vcenter_source.commands.output import print_json, print_rows
from vcenter_source.core.errors import ConfigurationError, PermanentError
from vcenter_source.settings.vcenter import VcenterConfig
from vcenter_source.vcenter.inventory_names import read_names
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.tags import Tags, open_tags

TAG_URN = re.compile(r"urn:vmomi:InventoryServiceTag:[^:\s]+:[^:\s]+")
_COLUMNS = ("type", "moid", "name")
_MAX_NAMES = 8


@dataclass(frozen=True, slots=True)
class TaggedObject:
    """An object with the tag.

    ``name`` is None where the object is gone, hidden from the account, or not part of the inventory.
    """

    type: str
    moid: str
    name: str | None


def find_tagged(vcenter: VcenterConfig, tag: str) -> list[TaggedObject]:
    """Return the objects that carry a tag (``category/name``, or its urn) now, by type and name.

    Raises ConfigurationError for a malformed tag, PermanentError where vCenter shows the account no such tag, and the
    other failures of ``vcenter_source.core.errors``.
    """
    category, _, name = tag.partition("/")
    is_urn = TAG_URN.fullmatch(tag) is not None
    if not is_urn and not (category and name):
        raise ConfigurationError(f"{tag!r} does not name a tag; write category/name, or the tag's urn")
    authorities = vcenter.authorities()
    session = Session(vcenter.url, vcenter.credentials, authorities)
    with asyncio.Runner() as runner:
        try:
            runner.run(session.log_in())
            with open_tags(vcenter.url, vcenter.credentials(), authorities.context()) as tags:
                objects = tags.objects_with(tag if is_urn else _find_tag_id(tags, category, name))
            if objects is None:
                raise _missing_error(tags.host, f"tag {tag}")
            object_names = runner.run(read_names(session, objects))
            tagged = [TaggedObject(each.type, each.value, object_names.get(each)) for each in objects]
            return sorted(tagged, key=lambda each: (each.type, each.name or "", each.moid))
        finally:
            runner.run(session.log_out())


def print_tagged(objects: Iterable[TaggedObject], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print them: a table for a terminal, tab-separated lines or JSON for a program. Raises OutputClosedError."""
    rows = map(asdict, objects)
    if as_json:
        print_json(rows, out)
    else:
        print_rows(rows, _COLUMNS, out, if_empty="no object carries the tag")


def _find_tag_id(tags: Tags, category: str, name: str) -> str:
    """Return the id of a tag. Raises PermanentError, with similar names, where there is none."""
    categories = tags.categories()
    if category not in categories:
        raise _missing_error(tags.host, f"category {category}", category, categories)
    siblings = tags.tags_of(categories[category])
    if name not in siblings:
        raise _missing_error(tags.host, f"tag {name} in the category {category}", name, siblings)
    return siblings[name]


def _missing_error(host: str, what: str, name: str = "", existing: Iterable[str] = ()) -> PermanentError:
    """Return the error for what does not exist or is hidden from this account: vCenter does not say which."""
    some = ", ".join(sorted(existing)[:_MAX_NAMES])
    hint = did_you_mean(closest_matches(name, existing)) or (f"; there is {some}" if some else "")
    return PermanentError(f"vCenter {host} has no {what} that this account may see{hint}")
