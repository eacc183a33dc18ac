"""``vcenter-source simulate``: the simulator in this process's place."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NoReturn

from vcenter_source.core.errors import ConfigurationError

REQUIRED = ("cryptography", "starlette", "uvicorn")
"""The packages of the extra "simulator"."""


def become_simulator(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the simulator. Raises ConfigurationError where the extra is not installed."""
    require_simulator("simulate")
    os.execv(sys.executable, [sys.executable, "-m", "vcenter_simulator", *arguments])  # noqa: S606  no shell


def require_simulator(command: str) -> None:
    """Return where the extra is installed; ``command`` is what needs it. Raises ConfigurationError."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        extra = "pip install 'vcenter-source[simulator]'"
        raise ConfigurationError(f"{command}: missing packages: {', '.join(missing)}; install the extra: {extra}")
