"""What the gateway's answer to an invocation means for the event. Pure.

From faas 0.27: a function's own status comes through, and with it ``X-Start-Time``, which the gateway sets before it
calls a function. Without that header the gateway itself has answered: an empty 200 when a function did not scale up in
time. The queue answers 202; without one there is no such route, and so 404.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import orjson

from adapter.openfaas.settings import Invocation
from adapter.quoting import quoted

_MAY_PASS = frozenset({408, 425, 429, 502, 503, 504})
_OK, _ACCEPTED, _FORBIDDEN, _NOT_FOUND, _CLIENT_ERROR, _SERVER_ERROR = 200, 202, (401, 403), 404, 400, 500


class Verdict(Enum):
    """What to do about an answer."""

    TAKEN = auto()
    AGAIN = auto()  # for as long as it takes
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
    # NATS refuses for good what is too large for it, and the gateway makes a 500 of that as of any failure.
    if b"maximum payload exceeded" in answer.body:
        return Verdict.REFUSED
    if answer.status in _MAY_PASS or answer.status in _FORBIDDEN or answer.status >= _SERVER_ERROR:
        return Verdict.AGAIN
    return Verdict.FAILED if _OK <= answer.status < 300 else Verdict.REFUSED  # noqa: PLR2004  HTTP's success


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
        return f"function {path}: the gateway answers an empty 200: it did not scale up in time"
    said = quoted(answer.body, 512)
    hint = "; without a queue, set OPENFAAS_INVOCATION=sync" if (invocation, answer.status) == ("async", 404) else ""
    return " ".join(f"function {path} answers {answer.status}: {said}".split()).rstrip(":") + hint
