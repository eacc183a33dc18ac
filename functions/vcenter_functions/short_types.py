"""The short form of a type of event, as the viewer shows it: ``vm.poweredon`` for ``com.vmware.event.vm.poweredon``.

Pure. The adapter uses it too, with the names of its own catalogue.
"""

import fnmatch
from collections.abc import Collection

from vcenter_functions.catalog import ID_PREFIX, TYPE_PREFIX, VEBA_PREFIX

_OPEN = tuple(prefix.removeprefix(TYPE_PREFIX) for prefix in (ID_PREFIX, f"{TYPE_PREFIX}unknown."))
"""How the short form of a type begins that is in no table."""


def expand_short(pattern: str, names: Collection[str]) -> str:
    """Return the type, or the pattern of types, that a short form stands for; any other text as it is.

    ``names`` are those of all types and classes. A text with a dot is a short form if it names none of them itself, and
    with the prefix names one: ``vm.*``, but not ``*.poweredon``. An event type id, such as ``esx.problem.net.lost``,
    has the short form ``ex.esx.problem.net.lost``.
    """
    if "." not in pattern or pattern.startswith((TYPE_PREFIX, VEBA_PREFIX)):
        return pattern
    if pattern.startswith(_OPEN):
        return TYPE_PREFIX + pattern
    for prefix in (TYPE_PREFIX, VEBA_PREFIX):
        if _is_named(prefix + pattern, names) and not _is_named(pattern, names):
            return prefix + pattern
    return pattern


def _is_named(pattern: str, names: Collection[str]) -> bool:
    return pattern in names or bool(fnmatch.filter(names, pattern))
