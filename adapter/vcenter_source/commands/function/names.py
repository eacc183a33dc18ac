"""The names that a function can have in Kubernetes."""

import re

from vcenter_source.core.errors import ConfigurationError

_DNS_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
"""A Service's name, but shorter than Kubernetes allows: the names of a function's Triggers have more after it."""

_TAKEN = frozenset(
    {"dead-letters", "tag-new-resource-pools", "vcenter-credentials", "vcenter-source", "vcenter-source-ha"}
)
"""Names of objects in config/knative and config/knative-ha, which a function of the same name would replace."""


def check_function_name(option: str, name: str) -> str:
    """Return a name for a function. Raises ConfigurationError, which names the option, for any other."""
    if not _DNS_1035_LABEL.fullmatch(name):
        raise ConfigurationError(
            f"{option}: {name!r} cannot name a Kubernetes Service; use at most 50 lower-case letters, digits and -, "
            "a letter first"
        )
    if name in _TAKEN:
        raise ConfigurationError(
            f"{option}: {name!r} names an object of config/knative, which it would replace; use another"
        )
    return name
