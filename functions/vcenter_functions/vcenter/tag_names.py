"""Names of tags: ``category/name``, or a urn. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

TAG_URN = re.compile(r"urn:vmomi:InventoryServiceTag:[^:\s]+:[^:\s]+")


@dataclass(frozen=True, slots=True)
class TagName:
    """Which tag: a urn, or a category's and a tag's name."""

    category: str
    name: str
    urn: str | None = None

    def __str__(self) -> str:
        return self.urn or f"{self.category}/{self.name}"


@lru_cache(maxsize=1024)
def parse_tag_name(text: str) -> TagName:
    """Read ``category/name``, of which only the name may have a slash, or a urn. Raises ValueError."""
    category, _, name = text.partition("/")
    if not text.isprintable():
        raise ValueError("a name has no line ends or tabs; set category/name")
    if TAG_URN.fullmatch(text):
        return TagName("", "", text)
    if not (category.strip() and name.strip()):
        raise ValueError("not a tag; set category/name, or a urn such as urn:vmomi:InventoryServiceTag:<id>:GLOBAL")
    return TagName(category, name)
