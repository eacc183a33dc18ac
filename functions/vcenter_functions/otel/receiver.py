"""The session that OTLP is sent with: an OTLP receiver that refuses is named in the log, with what it has answered.

OpenTelemetry's exporter logs ``Failed to export spans batch code: 404, reason: Not Found``, and leaves out even that
once it has given up trying again; it never names the address. It takes a redirection for a success, but follows none.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

import requests

from vcenter_functions.net.addresses import strip_secrets

_CREDENTIAL_PROVIDER = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_"
_QUERY = re.compile(r"\?[^\s'\")]+")


class OtlpSession(requests.Session):
    """A session of requests that remembers how the last one went: ``outcome`` is a few words, without a secret."""

    outcome = "nothing sent yet"

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        """Send a request. Raises what requests does, and HTTPError for a redirection."""
        address = strip_secrets(str(url))
        self.outcome = f"{address} does not answer"
        response = super().request(method, url, *args, **more)
        self.outcome = f"{address} answers {response.status_code} {response.reason}".rstrip()
        if 300 <= response.status_code < 400:  # noqa: PLR2004
            raise requests.HTTPError(f"redirected to {strip_secrets(response.headers.get('Location', 'nowhere'))}")
        return response


class OutcomeFilter(logging.Filter):
    """Adds how the last request went to what the exporter logs, and hides an address' query: a key may be in it."""

    def __init__(self, session: OtlpSession) -> None:
        super().__init__()
        self._session = session

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it pass."""
        message = _QUERY.sub("?***", record.getMessage())
        record.msg, record.args = f"{message} ({self._session.outcome})", ()
        return True


def create_session(exporter: type, environ: Mapping[str, str]) -> requests.Session | None:
    """Return the session for an exporter of this class; None where the environment names one of its own."""
    if any(name.startswith(_CREDENTIAL_PROVIDER) and value for name, value in environ.items()):
        return None
    session = OtlpSession()
    log = logging.getLogger(exporter.__module__)
    for earlier in [installed for installed in log.filters if isinstance(installed, OutcomeFilter)]:
        log.removeFilter(earlier)
    log.addFilter(OutcomeFilter(session))
    return session
