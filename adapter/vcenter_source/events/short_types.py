"""The short form of a type of event, wherever the adapter is given the name of a type."""

import functools

from vcenter_functions.short_types import expand_short
from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE
from vcenter_source.events.catalog import all_classes, names_by_type
from vcenter_source.events.formats import veba_type


@functools.lru_cache(1024)
def expand_type(pattern: str) -> str:
    """Return the type, or the pattern of types, that a short form stands for; any other text as it is."""
    return expand_short(pattern, _list_names())


@functools.cache
def _list_names() -> frozenset[str]:
    return frozenset((*names_by_type(), *all_classes(), *map(veba_type, all_classes()), GAP_TYPE, PING_TYPE))
