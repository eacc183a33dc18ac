"""Secrets of an address, and how they are kept out of what is printed: others may quote the address."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

MIN_VALUE_LENGTH = 4
"""A shorter value of a query is not hidden where it stands alone: ``1`` is anywhere, and no secret."""

MASK = "***"


def find_secrets(url: str) -> set[str]:
    """Return the password of an address, its query and fragment, and each value in those; as they are, and decoded."""
    parts = urlsplit(url)
    queries = [part for part in (parts.query, parts.fragment) if part]
    values = [pair.partition("=")[2] for query in queries for pair in re.split("[&;]", query)]
    secrets = {parts.password or "", *queries, *(value for value in values if len(value) >= MIN_VALUE_LENGTH)}
    secrets |= {unquote(secret) for secret in secrets} | {unquote(secret.replace("+", " ")) for secret in secrets}
    return secrets - {""}


class Redactor:
    """Puts ``MASK`` in the place of secrets, also where they are percent-encoded."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted({form for secret in secrets for form in (secret, quote(secret, safe="")) if form}, key=len)
        pattern = "|".join(map(re.escape, reversed(forms))) or r"(?!)"  # which matches nothing
        self._text, self._bytes = re.compile(pattern), re.compile(pattern.encode())

    def redact(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._text.sub(MASK, text)

    def redact_bytes(self, data: bytes) -> bytes:
        """Return bytes without the secrets, in any encoding that has ASCII in it."""
        return self._bytes.sub(MASK.encode(), data)
