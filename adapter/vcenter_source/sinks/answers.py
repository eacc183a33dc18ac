"""What an HTTP sink's answer means for the event; pure."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.quoting import quote_line
from vcenter_source.sinks.connection import Answer

RETRYABLE = frozenset({404, 408, 409, 425, 429})
"""Client errors that may pass: a Broker answers 404 while it is being set up. All of 5xx may pass too."""

ACCESS = frozenset({401, 402, 403, 405, 406, 407, 410, 411, 414, 415, 417, 421, 426, 428, 451, *range(300, 400)})
"""What speaks of the way to the sink: who sends (401, 403, 407), where to (3xx, 410, 421), or how (405, 411, 415), all
of which is the same for each event. What is left of 4xx (400, 413, 422, say) speaks of the event."""

MAX_ANSWER = 1024
"""Bytes of a failure's body that are kept: what Knative keeps of one in ``knativeerrordata``."""

MAX_QUOTE = 512
"""Bytes of it that are worth a place in a log line."""


def judge(address: str, answer: Answer) -> None:
    """Return for 2xx; raise what the status means for the event otherwise (Knative's delivery contract).

    Whether what speaks of the way (``ACCESS``) means the event after all shows in how others fare.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004
        return
    body = answer.body[:MAX_ANSWER]
    reason = quote_line(answer.reason.encode("latin-1", "replace"), MAX_QUOTE)
    said = f"{address} answers {status} {reason}{answer.way}: {quote_line(body, MAX_QUOTE)}"
    message = said.replace("  ", " ").rstrip(": ")
    delay = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
    if status in ACCESS:
        raise SinkAccessError(message, retry_after=delay, status=status, body=body)
    if status in RETRYABLE or not 200 <= status < 500:  # noqa: PLR2004
        raise SinkUnavailableError(message, retry_after=delay, status=status, body=body)
    raise EventRefusedError(message, status=status, body=body)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, a number or a date (RFC 9110, 10.2.3); None without a valid one."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
