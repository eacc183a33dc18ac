"""What of an address must not be printed, and how it is kept out of what others say: they may quote it."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

LEAST = 4
"""Characters of a query's value from which on it is hidden where it stands alone: ``1`` is anywhere, and no secret."""

HIDDEN = "***"


def secrets_in(url: str) -> set[str]:
    """The password of an address, its query and fragment, and each value in those; as they are, and decoded."""
    parts = urlsplit(url)
    after = [part for part in (parts.query, parts.fragment) if part]
    values = [each.partition("=")[2] for part in after for each in re.split("[&;]", part)]
    found = {parts.password or "", *after, *(value for value in values if len(value) >= LEAST)}
    found |= {unquote(each) for each in found} | {unquote(each.replace("+", " ")) for each in found}
    return found - {""}


class Hiding:
    """Puts ``HIDDEN`` in the place of secrets, also where they are percent-encoded."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted({form for each in secrets for form in (each, quote(each, safe="")) if form}, key=len)
        pattern = "|".join(map(re.escape, reversed(forms))) or r"(?!)"
        self._text, self._bytes = re.compile(pattern), re.compile(pattern.encode())

    def text(self, said: str) -> str:
        """A text without them."""
        return self._text.sub(HIDDEN, said)

    def bytes(self, said: bytes) -> bytes:
        """The same for bytes of any encoding that has ASCII in it."""
        return self._bytes.sub(HIDDEN.encode(), said)
