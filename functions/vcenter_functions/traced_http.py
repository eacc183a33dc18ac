"""The HTTP client that handlers are given: httpx, with a span for each request."""

from typing import Any

import httpx

from vcenter_functions import __version__
from vcenter_functions.tracing import Tracing, record_status

TIMEOUT_SECONDS = 10.0
"""How long a connection may take, and how long an answer may be silent."""


class TracedClient(httpx.AsyncClient):
    """httpx.AsyncClient with time-outs, which honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

    A span has the server but not the path: the address of a webhook is its password.
    """

    def __init__(self, tracing: Tracing) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS, headers=_HEADERS)
        self._tracing = tracing

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request within its span."""
        headers: dict[str, str] = {}
        with self._tracing.request_span(request.method, _hide_path(request.url), headers) as span:
            request.headers.update(headers)
            response = await super().send(request, **options)
            record_status(span, response.status_code)
            return response


class TracedSyncClient(httpx.Client):
    """The same for handlers that are a ``def``."""

    def __init__(self, tracing: Tracing) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS, headers=_HEADERS)
        self._tracing = tracing

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request within its span."""
        headers: dict[str, str] = {}
        with self._tracing.request_span(request.method, _hide_path(request.url), headers) as span:
            request.headers.update(headers)
            response = super().send(request, **options)
            record_status(span, response.status_code)
            return response


_HEADERS = {"user-agent": f"vcenter-functions/{__version__}"}


def _hide_path(url: httpx.URL) -> str:
    return str(url.copy_with(username=None, password=None, path="/", query=None, fragment=None))
