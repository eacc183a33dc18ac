"""What the gateway's answer to an invocation means for the event. Pure.

A function's own status comes through, and with it ``X-Start-Time``, which the gateway sets before it calls a function.
Without that header something on the way has answered. The queue answers 202, and 500 for whatever it does not take: it
is out of order, or this one body is too large for it. No text tells the two apart, only how other events fare. Without
a queue there is no such route, and so 404. A function that does not scale up in time gets no answer at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import orjson

from vcenter_source.core.quoting import quoted
from vcenter_source.settings.openfaas import Invocation
from vcenter_source.sinks.answers import ACCESS

_MAY_PASS = frozenset({408, 425, 429, 502, 503, 504})
_OK, _ACCEPTED, _NOT_FOUND, _CLIENT_ERROR, _SERVER_ERROR = 200, 202, 404, 400, 500


class Verdict(Enum):
    """What to do about an answer."""

    TAKEN = auto()
    AGAIN = auto()  # for as long as it takes
    HELD = auto()  # again; it is this event only where others get through
    FAILED = auto()  # the function itself: again, but not for ever
    UNKNOWN = auto()  # is there still such a function?
    REFUSED = auto()


@dataclass(slots=True)
class Answer:
    """An answer to an invocation; ``body`` is its beginning, header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def functions_own(self) -> bool:
        """Whether it came from the function, or from the gateway on its way to it."""
        return "x-start-time" in self.headers


def judge(invocation: Invocation, answer: Answer) -> Verdict:
    """What an answer means."""
    return judge_queue(answer) if invocation == "async" else judge_function(answer)


def judge_queue(answer: Answer) -> Verdict:
    """Of the queue: nothing but 202 says that the event is in it."""
    if answer.status == _ACCEPTED:
        return Verdict.TAKEN
    if answer.status == _NOT_FOUND:
        return Verdict.UNKNOWN
    if answer.status in _MAY_PASS:
        return Verdict.AGAIN
    speaks_of_event = _CLIENT_ERROR <= answer.status < _SERVER_ERROR and answer.status not in ACCESS
    return Verdict.REFUSED if speaks_of_event else Verdict.HELD


def judge_function(answer: Answer) -> Verdict:
    """Of a function."""
    status = answer.status
    if _OK <= status < 300:  # noqa: PLR2004  HTTP's success
        if status == _OK and not answer.body and not answer.functions_own:
            return Verdict.FAILED
        status = said_status(answer.body) or status
    if status in _MAY_PASS:
        return Verdict.AGAIN
    if status == _NOT_FOUND and answer.status == _NOT_FOUND:
        return Verdict.UNKNOWN
    if status >= _SERVER_ERROR:
        return Verdict.FAILED
    if answer.status in ACCESS and not answer.functions_own:
        return Verdict.HELD
    return Verdict.REFUSED if status >= 300 else Verdict.TAKEN  # noqa: PLR2004  a redirect is not followed


def said_status(body: bytes) -> int | None:
    """The failure that a function reports in what it prints, ``{"status": "500", …}``, as pytag-fn does under 200."""
    if b'"status' not in body:
        return None
    for text in (body, *body.splitlines()):
        try:
            status = status_in(orjson.loads(text))
        except ValueError:
            continue
        if status is not None:
            return status
    return None


def status_in(printed: Any) -> int | None:
    """An HTTP status of failure, a number or its digits, under ``status`` or ``statusCode``."""
    if not isinstance(printed, dict):
        return None
    text = str(printed.get("status", printed.get("statusCode")))
    found = int(text) if text.isascii() and text.isdecimal() else 0
    return found if _CLIENT_ERROR <= found < 600 else None  # noqa: PLR2004  HTTP's failures


def explain(path: str, invocation: Invocation, answer: Answer) -> str:
    """An answer in a line, with the function's name."""
    if answer.status == _OK and not answer.body and not answer.functions_own:
        return f"function {path}: an empty 200 that is not the function's: it was not called"
    said = quoted(answer.body, 512)
    hint = "; without a queue, set OPENFAAS_INVOCATION=sync" if (invocation, answer.status) == ("async", 404) else ""
    return " ".join(f"function {path} answers {answer.status}: {said}".split()).rstrip(":") + hint
