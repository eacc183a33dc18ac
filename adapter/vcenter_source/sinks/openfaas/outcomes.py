"""What the gateway's answer to an invocation means for the event. Pure.

A function's own status comes through, and with it ``X-Start-Time``, which the gateway sets before it calls a function.
An answer without that header is the gateway's, or a proxy's. The queue answers 202, and 500 to everything that it does
not accept: it is out of order, or this one body is too large for it. Its text does not tell the two apart; only how
other events fare does. Without a queue, the gateway has no such route and answers 404. If a function does not scale up
in time, there is no answer at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import orjson

from vcenter_source.core.quoting import quote_line
from vcenter_source.settings.openfaas import Invocation
from vcenter_source.sinks.responses import ACCESS_STATUSES

_RETRYABLE = frozenset({408, 425, 429, 502, 503, 504})
_OK, _ACCEPTED, _NOT_FOUND, _CLIENT_ERROR, _SERVER_ERROR = 200, 202, 404, 400, 500


class InvocationOutcome(Enum):
    """What an answer means, and what to do."""

    ACCEPTED = auto()
    RETRY = auto()  # for as long as it takes
    HELD = auto()  # retry; a try counts only if other events get through meanwhile
    FAILED = auto()  # the function itself failed: retry, up to OPENFAAS_MAX_TRIES
    NOT_FOUND = auto()  # ask the gateway whether the function still exists
    REFUSED = auto()


@dataclass(slots=True)
class InvocationResponse:
    """An answer to an invocation; ``body`` is its beginning, header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_from_function(self) -> bool:
        """Whether the function itself answered, not the gateway on its way to it."""
        return "x-start-time" in self.headers

    @property
    def is_empty_200(self) -> bool:
        """Whether it is what older gateways answer for a function that they have not called."""
        return self.status == _OK and not self.body and not self.is_from_function


def classify(invocation: Invocation, response: InvocationResponse) -> InvocationOutcome:
    """Tell what an answer means."""
    return classify_queue(response) if invocation == "async" else classify_function(response)


def classify_queue(response: InvocationResponse) -> InvocationOutcome:
    """Tell what an answer of the queue means: nothing but 202 says that the event is in it."""
    if response.status == _ACCEPTED:
        return InvocationOutcome.ACCEPTED
    if response.status == _NOT_FOUND:
        return InvocationOutcome.NOT_FOUND
    if response.status in _RETRYABLE:
        return InvocationOutcome.RETRY
    is_about_event = _CLIENT_ERROR <= response.status < _SERVER_ERROR and response.status not in ACCESS_STATUSES
    return InvocationOutcome.REFUSED if is_about_event else InvocationOutcome.HELD


def classify_function(response: InvocationResponse) -> InvocationOutcome:
    """Tell what an answer of a function, or of the gateway in its place, means."""
    status = response.status
    if _OK <= status < 300:  # noqa: PLR2004  HTTP's success
        if response.is_empty_200:
            return InvocationOutcome.FAILED
        status = find_printed_status(response.body) or status
    if status in _RETRYABLE:
        return InvocationOutcome.RETRY
    if status == _NOT_FOUND and response.status == _NOT_FOUND:
        return InvocationOutcome.NOT_FOUND
    if status >= _SERVER_ERROR:
        return InvocationOutcome.FAILED
    if response.status in ACCESS_STATUSES and not response.is_from_function:
        return InvocationOutcome.HELD
    return InvocationOutcome.REFUSED if status >= 300 else InvocationOutcome.ACCEPTED  # noqa: PLR2004  no redirects


def find_printed_status(body: bytes) -> int | None:
    """Find the failure that a function prints under 200, ``{"status": "500", …}``, as pytag-fn does."""
    if b'"status' not in body:
        return None
    for text in (body, *body.splitlines()):
        try:
            status = parse_failure(orjson.loads(text))
        except ValueError:
            continue
        if status is not None:
            return status
    return None


def parse_failure(document: Any) -> int | None:
    """Return an HTTP status of failure, a number or its digits, under ``status`` or ``statusCode``."""
    if not isinstance(document, dict):
        return None
    text = str(document.get("status", document.get("statusCode")))
    status = int(text) if text.isascii() and text.isdecimal() else 0
    return status if _CLIENT_ERROR <= status < 600 else None  # noqa: PLR2004  HTTP's failures


def describe_response(path: str, invocation: Invocation, response: InvocationResponse) -> str:
    """Describe an answer in a line, with the function's name."""
    if response.is_empty_200:
        return f"function {path} was not called: an empty 200 that did not come from it"
    text = quote_line(response.body, 512)
    is_without_queue = (invocation, response.status) == ("async", _NOT_FOUND)
    hint = "; without a queue, set OPENFAAS_INVOCATION=sync" if is_without_queue else ""
    return " ".join(f"function {path} answers {response.status}: {text}".split()).rstrip(":") + hint
