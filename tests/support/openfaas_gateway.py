"""The demo's OpenFaaS gateway with functions whose answers a test decides."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from demo.gateway_api import NAMESPACE, Gateway, Invocation, Reply

SCALE_UP_TIMED_OUT = Reply(closes=True)
"""A function that does not scale up in time gets no answer: the gateway closes the connection."""

NOT_CALLED = Reply(200, b"", own=False)
"""What older gateways answer for a function that they have not called."""


@dataclass
class Function:
    """``answer`` decides by how often it was invoked before; for the queue, ``queue_answer`` does."""

    annotations: Any
    invoked: "queue.Queue[Invocation]"
    answer: Callable[[int], Reply] = lambda _: Reply()
    queue_answer: Callable[[int], Reply] = lambda _: Reply(202, b"")
    invocations: list[Invocation] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ids(self) -> list[str]:
        """The events it was invoked with, where they came in binary mode."""
        return [each.headers["ce-id"] for each in self.invocations]

    def describe(self) -> dict[str, Any]:
        return {"annotations": self.annotations, "image": "i"}

    def invoke(self, invocation: Invocation) -> Reply:
        return self._note(invocation, self.answer)

    def enqueue(self, invocation: Invocation) -> Reply:
        return self._note(invocation, self.queue_answer)

    def _note(self, invocation: Invocation, answer: Callable[[int], Reply]) -> Reply:
        with self.lock:
            count = len(self.invocations)
            self.invocations.append(invocation)
        reply = answer(count)
        self.invoked.put(invocation)
        return reply


@dataclass
class FakeGateway(Gateway):
    """A gateway to which a test deploys functions."""

    listings: int = 0
    invoked: "queue.Queue[Invocation]" = field(default_factory=queue.Queue)

    def deploy(self, name: str, topic: str, namespace: str = NAMESPACE, **annotations: str) -> Function:
        """A function with these annotations, ``_`` for ``-`` in their names."""
        named = {"topic": topic} | {key.replace("_", "-"): value for key, value in annotations.items()}
        function = Function(named, self.invoked)
        self.namespaces.setdefault(namespace, {})[name] = function
        return function

    def remove(self, name: str, namespace: str = NAMESPACE) -> None:
        del self.namespaces[namespace][name]

    def take(self, timeout: float = 10.0) -> Invocation:
        """The next invocation of any function."""
        return self.invoked.get(timeout=timeout)

    def list(self, path: str, namespace: str) -> Reply:
        self.listings += path == "/system/namespaces"
        return super().list(path, namespace)


@contextmanager
def fake_gateway(**options: Any) -> Iterator[FakeGateway]:
    """A running gateway, with no functions yet."""
    gateway = FakeGateway(**options)
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.server is not None:
            gateway.stop()
