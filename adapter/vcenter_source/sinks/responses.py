"""What an HTTP sink's response means for the event; pure."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.quoting import quote_line
from vcenter_source.sinks.connection import HttpResponse

RETRYABLE_STATUSES = frozenset({404, 408, 409, 425, 429})
"""Client errors that may pass: a Broker answers 404 while it is being set up. All of 5xx may pass too."""

ACCESS_STATUSES = frozenset(
    {401, 402, 403, 405, 406, 407, 410, 411, 414, 415, 417, 421, 426, 428, 451, *range(300, 400)}
)
"""Statuses about the way to the sink: who sends (401, 403, 407), where to (3xx, 410, 421), or how (405, 411, 415). All
of that is the same for each event. The other statuses of 4xx (400, 413 or 422) are about the event."""

MAX_ERROR_BODY = 1024
"""Bytes of a failure's body that are kept: what Knative keeps of one in ``knativeerrordata``."""

MAX_QUOTED_BODY = 512
"""Bytes of it that a log line quotes."""


def raise_for_status(address: str, response: HttpResponse) -> None:
    """Return for 2xx; raise what the status means for the event otherwise (Knative's delivery contract).

    A status about the way to the sink (``ACCESS_STATUSES``) may be due to this event all the same; that shows when
    other events get through.
    """
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004
        return
    body = response.body[:MAX_ERROR_BODY]
    reason = quote_line(response.reason.encode("latin-1", "replace"), MAX_QUOTED_BODY)
    answer = f"{address} answers {status} {reason}{response.way}: {quote_line(body, MAX_QUOTED_BODY)}"
    message = answer.replace("  ", " ").rstrip(": ")
    delay = parse_retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
    if status in ACCESS_STATUSES:
        raise SinkAccessError(message, retry_after=delay, status=status, body=body)
    if status in RETRYABLE_STATUSES or not 200 <= status < 500:  # noqa: PLR2004
        raise SinkUnavailableError(message, retry_after=delay, status=status, body=body)
    raise EventRefusedError(message, status=status, body=body)


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, in seconds or as a date (RFC 9110, 10.2.3), or None."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
