"""What the answer of a web service means for an event: it is done, it can come again, or that cannot help. Pure."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from vcenter_functions.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx

MAX_SECONDS = 3600.0
"""The most seconds of Retry-After that are passed on."""
MAX_TEXT = 200
"""Characters of an answer that are repeated."""
PASSING = frozenset({408, 425, 429})
"""Statuses in 4xx after which the same request may succeed."""
MIN_SECRET = 6
"""Characters of a part of an address that may be a secret, and so is not repeated."""


def check_answer(answer: "httpx.Response") -> None:
    """Return for a 2xx. Raise TemporaryError for what may pass, with the seconds of Retry-After, else PermanentError.

    The message has the host, the status and the beginning of the answer, without any part of the address: that of a
    webhook is its password, and some servers repeat it.
    """
    if answer.is_success:
        return
    message = f"{answer.url.host} answers {answer.status_code}: {_hide_address(answer)[:MAX_TEXT]}".rstrip(": ")
    if answer.status_code in PASSING or answer.is_server_error:
        raise TemporaryError(message, delay=parse_retry_after(answer.headers))
    raise PermanentError(message)


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks for (RFC 9110, 10.2.3); a date is ignored."""
    value = headers.get("retry-after", "")
    return min(float(value), MAX_SECONDS) if value.isascii() and value.isdecimal() else None


def _hide_address(answer: "httpx.Response") -> str:
    """Return an answer's text in one line, with an ellipsis for each part of the address."""
    address = "/".join((str(answer.url), unquote(str(answer.url))))
    words = set(re.split(r"[/?&=:]", address)) - {answer.url.host}
    parts = sorted((word for word in words if len(word) >= MIN_SECRET), key=len, reverse=True)
    text = " ".join(answer.text.split())
    return re.sub("|".join(map(re.escape, parts)), "…", text) if parts else text
