"""What is wrong with a manifest, and where."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """``error``: it cannot do what it says. ``warning``: it may be right, but this cannot be decided here."""

    line: int
    severity: Literal["error", "warning"]
    message: str
