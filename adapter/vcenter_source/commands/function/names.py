"""The names that a function can have in Kubernetes."""

import re

from vcenter_source.core.errors import ConfigurationError

_DNS_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
"""A Service's name, but shorter than Kubernetes allows: the names of a function's Triggers have more after it."""


def check_function_name(option: str, name: str) -> str:
    """Return a name for a function. Raises ConfigurationError, which names the option, for any other."""
    if not _DNS_1035_LABEL.fullmatch(name):
        raise ConfigurationError(
            f"{option}: {name!r} cannot name a Kubernetes Service; use at most 50 lower-case letters, digits and -, "
            "a letter first"
        )
    return name
