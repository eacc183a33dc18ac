"""The options in the body of a request to the remote control."""

from typing import Any

MOST_EVENTS = 1_000_000
"""The largest number that an option may have, unless it says otherwise: events are kept in memory."""


class Options:
    """The fields of a JSON body, each checked when it is read. ValueError names the field and its limits."""

    def __init__(self, body: Any) -> None:
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")  # noqa: TRY004  a wrong value, whatever its type
        self._body = body

    def integer(self, name: str, default: int | None = None, least: int = 1, most: int = MOST_EVENTS) -> int:
        """Return a whole number from ``least`` to ``most``."""
        value = self._body.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}")
        return value

    def number(self, name: str) -> float:
        """Return a number."""
        value = self._body.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{name} must be a number")  # noqa: TRY004  as above
        return float(value)

    def seconds(self) -> float:
        """Return the option ``seconds``, 0 or more."""
        value = self.number("seconds")
        if value < 0:
            raise ValueError("seconds must be a number, 0 or more")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        value = self._body.get(name, default)
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a string")  # noqa: TRY004  as above
        return value
