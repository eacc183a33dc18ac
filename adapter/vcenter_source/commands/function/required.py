"""Whether what handlers need is installed."""

from importlib.util import find_spec

from vcenter_source.core.errors import ConfigurationError

REQUIRED = ("starlette", "uvicorn")
"""The packages of the extra "functions"."""


def require_functions(command: str) -> None:
    """Return where the extra is installed; ``command`` is what needs it. Raises ConfigurationError."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        extra = "pip install 'vcenter-source[functions]'"
        raise ConfigurationError(f"{command}: missing packages: {', '.join(missing)}; install the extra: {extra}")
