"""HTTP requests of a sink, each in a CLIENT span of its own: the one place where such a span is opened."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope, Fence
from vcenter_source.core.errors import SinkUnavailableError
from vcenter_source.core.tracing.attributes import System
from vcenter_source.core.tracing.spans import Span
from vcenter_source.events.codec import join_lines
from vcenter_source.sinks.connection import HttpResponse

Explain = Callable[[OSError], SinkUnavailableError]


class Client(Protocol):
    """What sends requests to one server."""

    async def post(
        self,
        headers: Mapping[str, str],
        body: bytes,
        path: str | None = None,
        fence: Fence = lambda: None,
        lines: str = "",
    ) -> HttpResponse:
        """Send a request, to the client's own path or to another one, and return the response.

        ``lines`` are headers that are written already, each with its line break. ``fence`` is called right before it
        goes out. Raises what the fence raises, and OSError.
        """

    async def close(self) -> None:
        """Close all connections."""


class Exchange:
    """A request in its span, as ``with``: what is raised within fails the span, too.

    A failure to get any response is raised as ``explain`` maps it.
    """

    __slots__ = ("_explain", "_sending", "_span")

    def __init__(
        self,
        sending: Coroutine[Any, Any, HttpResponse],
        span: Span | None,
        explain: Explain,
    ) -> None:
        self._sending = sending
        self._span = span
        self._explain = explain

    def __enter__(self) -> Self:
        return self

    def send(self) -> Coroutine[Any, Any, HttpResponse]:
        """Return what sends the request and returns the response."""
        return self._sending if self._span is None else self._send_in(self._span)

    async def _send_in(self, span: Span) -> HttpResponse:
        response = await self._sending
        span.set_attributes({"http.response.status_code": response.status})
        return response

    def __exit__(self, _: type[BaseException] | None, failure: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(failure, OSError):  # a TimeoutError is one
            explained = self._explain(failure)
            explained.__cause__ = failure
            self._end(explained)
            raise explained from failure
        self._end(failure)

    def _end(self, failure: BaseException | None) -> None:
        if self._span is not None:
            tracing.end_request_span(self._span, failure)


class TracedClient:
    """Sends the requests of a sink.

    ``address`` is where they go, free of secrets; ``system`` is the messaging system that a span names. ``explain``
    comes with each request: it maps a failure to get any response to one of ours.
    """

    def __init__(self, client: Client, address: str, system: System = "knative") -> None:
        self._client = client
        self._address = address
        self._system = system

    def post(  # noqa: PLR0913  a request has many parts
        self,
        envelope: Envelope,
        headers: Mapping[str, str],
        body: bytes,
        lines: str = "",
        *,
        explain: Explain,
        path: str | None = None,
        attributes: Mapping[str, str] = {},
    ) -> Exchange:
        """Send one event, with the trace context in the headers, and ``attributes`` on the span.

        Where the root of the trace is not sampled, a child would not be either, and the root goes out in its place.
        """
        span = None
        if envelope.span.is_sampled:
            span = tracing.start_request_span(envelope, self._address + (path or ""), self._system, attributes)
        context = tracing.context_headers(span or envelope.span)
        if headers and context:  # they may name a trace already
            headers = {**headers, **context}
        elif context:
            lines += join_lines(context)
        return Exchange(self._client.post(headers, body, path, envelope.fence, lines), span, explain)

    def post_batch(
        self, envelopes: Sequence[Envelope], headers: Mapping[str, str], body: bytes, *, explain: Explain
    ) -> Exchange:
        """Send several events in one request. Each event names its own trace, so the headers name none."""
        span = tracing.start_batch_span(envelopes, self._address, self._system)

        def fence() -> None:
            for envelope in envelopes:
                envelope.fence()

        return Exchange(self._client.post(headers, body, fence=fence), span, explain)
