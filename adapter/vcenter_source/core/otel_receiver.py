"""An OTLP receiver that does not take what it is sent is named in the log: its address, and what it has answered.

OpenTelemetry's exporter logs ``Failed to export spans batch code: 404, reason: Not Found``, and nothing of either once
it has given up trying again. It takes a redirection for a success, though nothing follows it.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

_CREDENTIALS = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"
_QUERY = re.compile(r"\?[^\s'\")]+")


class Session(requests.Session):
    """A session of requests that keeps in mind how the last one went: ``outcome`` is a few words, without a secret."""

    outcome = "nothing sent yet"

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        """Send a request. Raises what requests does, and HTTPError for a redirection."""
        address = without_secrets(str(url))
        self.outcome = f"{address} does not answer"
        response = super().request(method, url, *args, **more)
        self.outcome = f"{address} answers {response.status_code} {response.reason}".rstrip()
        if 300 <= response.status_code < 400:  # noqa: PLR2004
            raise requests.HTTPError(f"redirected to {without_secrets(response.headers.get('Location', 'nowhere'))}")
        return response


class Naming(logging.Filter):
    """Adds to what the exporter logs how its last request went, and hides an address' query: a key may be in it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it pass."""
        said = _QUERY.sub("?***", record.getMessage())
        record.msg, record.args = f"{said} ({self._session.outcome})", ()
        return True


def session(exporter: type, environ: Mapping[str, str]) -> requests.Session | None:
    """What the exporter of this class is to send with; None where the environment names one for it."""
    if any(name.startswith(_CREDENTIALS) and value for name, value in environ.items()):
        return None
    made = Session()
    log = logging.getLogger(exporter.__module__)
    for earlier in [each for each in log.filters if isinstance(each, Naming)]:
        log.removeFilter(earlier)
    log.addFilter(Naming(made))
    return made


def without_secrets(url: str) -> str:
    """An address without user, password and query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
