"""A dispatcher for tests, envelopes for it, and a place that keeps its dead letters."""

import asyncio
from collections.abc import Awaitable, Callable

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.core.observers import Observer
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.state.dead_letters import DeadLetters, NoDeadLetters, Reason

EXACT = Backoff(base=1.0, longest=30.0, random=lambda: 1.0)


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


def make_dispatcher(
    sink: Sink,
    letters: DeadLetters | None = None,
    *,
    window: int = 4,
    backoff: Backoff = EXACT,
    sleep: Callable[[float], Awaitable[None]] = no_sleep,
    observer: Observer | None = None,
) -> Dispatcher:
    retry = RetryPolicy(backoff, sleep=sleep)
    return Dispatcher(sink, letters or NoDeadLetters(), max_in_flight=window, retry=retry, observer=observer)


def make_envelope(name: str, lane: str, acknowledged: Callable[[], None] = lambda: None) -> Envelope:
    attributes = {"id": name, "source": "https://vc/sdk", "type": "com.vmware.event.vm.poweredon"}
    return Envelope(CloudEvent(attributes), lane, on_done=acknowledged)


class Box:
    """Keeps letters; refuses the first ``failures``."""

    def __init__(self, failures: float = 0) -> None:
        self.failures = failures
        self.names: list[str] = []
        self.reasons: list[Reason] = []

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        await asyncio.sleep(0)
        if self.failures > 0:
            self.failures -= 1
            raise DeadLetterUnavailableError("full")
        self.names.append(envelope.event.get_id())
        self.reasons.append(reason)
