"""An HTTP sink in a thread: it records what it is sent and answers as a test likes."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat

from tests.support.threaded_server import QuietHandler, serve_http

Answer = tuple[int, dict[str, str]]


@dataclass
class RecordingSink:
    """An HTTP sink in a thread. ``answer`` decides by the number of the request; what it accepted is in ``events``.

    What it ``refuses`` is answered with ``refusal``, with ``objection`` as the body of every failure.
    """

    url: str = ""
    refuses: Callable[[HTTPMessage], bool] = lambda _: False
    refusal: int = 400
    objection: bytes = b""
    answer: Callable[[int], Answer] = lambda _: (202, {})
    requests: list[HTTPMessage] = field(default_factory=list)
    events: "queue.Queue[BaseCloudEvent]" = field(default_factory=queue.Queue)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, timeout: float = 30.0) -> BaseCloudEvent:
        """The next event that was accepted."""
        return self.events.get(timeout=timeout)

    def handle(self, message: HTTPMessage) -> Answer:
        with self.lock:
            answer = (self.refusal, {}) if self.refuses(message) else self.answer(len(self.requests))
            self.requests.append(message)
        if 200 <= answer[0] < 300:
            self.events.put(from_http(message, JSONFormat()))
        return answer


@contextmanager
def recording_sink(answer: Callable[[int], Answer] = lambda _: (202, {}), port: int = 0) -> Iterator[RecordingSink]:
    sink = RecordingSink(answer=answer)

    class Handler(QuietHandler):
        def setup(self) -> None:
            super().setup()
            sink.connections += 1

        def do_POST(self) -> None:
            body = self.read_body()
            status, headers = sink.handle(HTTPMessage(self.lower_headers(), body))
            self.answer(status, b"" if 200 <= status < 300 else sink.objection, headers)

    with serve_http(Handler, port) as url:
        sink.url = f"{url}/"
        yield sink
