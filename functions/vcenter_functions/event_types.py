"""Names of types of event, as ``@on`` is given them: which of them can exist, and what was meant by one that cannot.

Pure, but for the catalogue and EVENT_TYPES.
"""

import fnmatch
import functools
import os
import re
from collections.abc import Iterable

from vcenter_functions import catalog
from vcenter_functions.errors import HandlerError
from vcenter_functions.short_types import expand_short
from vcenter_functions.spelling import closest_matches

_OPEN_PREFIXES = (catalog.ID_PREFIX, catalog.VEBA_PREFIX, f"{catalog.TYPE_PREFIX}unknown.", "com.vmware.vc.")
"""Prefixes of types that no table can list, and of event type ids, which differ from vCenter to vCenter."""


def check_type(name: str) -> None:
    """Return for a type, a class or a pattern that events can have. Raises HandlerError, with the nearest, if not.

    A name with a dot may also be an event type id (``esx.problem.net.connectivity.lost``), or the type of another
    source's events, which are refused only where a name of vCenter's is near.
    """
    if is_pattern(name):
        if not name.startswith(_OPEN_PREFIXES) and _is_ours(name) and not fnmatch.filter(_list_names(), name):
            raise HandlerError(f"no event type matches {name!r}{_suggest(name)}")
    elif name not in _list_names() and not name.startswith(_OPEN_PREFIXES):
        near = _find_near(name)
        if near or "." not in name or _is_ours(name):
            raise HandlerError(f"vCenter has no event type {name!r}{_suggest(name)}")


def expand_type(name: str) -> str:
    """Return the type, or the pattern of types, that a short form stands for; any other name as it is."""
    return expand_short(name, _list_names())


def read_event_types(*usual: str) -> tuple[str, ...]:
    """Return the types in the variable EVENT_TYPES, separated by commas, or the usual ones where it is not set.

    Types may be in their short form, such as ``vm.poweredon``. Raises HandlerError for a type that cannot exist.
    """
    given = [expand_type(name) for name in map(str.strip, os.environ.get("EVENT_TYPES", "").split(",")) if name]
    try:
        for name in given:
            check_type(name)
    except HandlerError as exc:
        raise HandlerError(f"EVENT_TYPES: {exc}") from exc
    return tuple(given) or usual


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern, as a shell has them."""
    return any(mark in name for mark in "*?[")


def matches_type(name: str, candidates: Iterable[str]) -> bool:
    """Return whether an event that has these names is of a type, a class or a pattern."""
    if is_pattern(name):
        return any(fnmatch.fnmatchcase(each, name) for each in candidates)
    return name in candidates


def _is_ours(name: str) -> bool:
    """Return whether a name is one of vCenter's, so that the catalogue has it or nothing has.

    Event type ids begin with ``com.vmware.`` as well: ``com.vmware.vc.ha.VmRestartedByHAEvent``.
    """
    return "." not in name or name.startswith((catalog.TYPE_PREFIX, catalog.VEBA_PREFIX))


@functools.cache
def _list_names() -> frozenset[str]:
    classes, types = catalog.list_classes(), catalog.names_by_type()
    veba = (f"{catalog.VEBA_PREFIX}{name}.v0" for name in classes)
    return frozenset((*classes, *types, *veba, *catalog.ADAPTER_TYPES, *catalog.ADAPTER_TYPES.values()))


def _suggest(name: str) -> str:
    near = _find_near(name)
    return f"; did you mean {' or '.join(near)}?" if near else "; name a CloudEvents type or a class, or use *"


def _find_near(name: str) -> list[str]:
    """List what was probably meant: the prefix is missing, it is a topic of OpenFaaS, or it is misspelt."""
    full = catalog.TYPE_PREFIX + name
    if is_pattern(name):
        return [full] if fnmatch.filter(_list_names(), full) else _find_near(re.sub(r"\W*[*?\[].*", "", name))
    if full in _list_names():
        return [full]
    if topic := catalog.names_by_topic().get(name):
        return [catalog.list_classes()[topic].type]
    return closest_matches(name, _list_names()) or closest_matches(full, _list_names())
