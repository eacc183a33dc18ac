"""A dispatcher for tests, envelopes for it, and a place that keeps its dead letters."""

import asyncio
from collections.abc import Awaitable, Callable

from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import INVALID_SPAN, Span

from vcenter_source.core.backoff import Backoff
from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.pipeline.dispatcher import Delivery, Parcel, Retry, Sink, Watch
from vcenter_source.state.dead_letters import DeadLetter, DeadLetters, NoDeadLetters

EXACT = Backoff(base=1.0, longest=30.0, random=lambda: 1.0)


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


def delivery_to(
    sink: Sink,
    letters: DeadLetters | None = None,
    *,
    window: int = 4,
    backoff: Backoff = EXACT,
    sleep: Callable[[float], Awaitable[None]] = no_sleep,
    watch: Watch | None = None,
) -> Delivery:
    retry = Retry(backoff, sleep=sleep)
    return Delivery(sink, letters or NoDeadLetters(), max_in_flight=window, retry=retry, watch=watch)


def parcel(name: str, lane: str, acknowledged: Callable[[], None] = lambda: None) -> Parcel:
    attributes = {"id": name, "source": "https://vc/sdk", "type": "com.vmware.event.vm.poweredon"}
    return Parcel(CloudEvent(attributes), lane, INVALID_SPAN, acknowledged)


class Box:
    """Keeps letters; refuses the first ``failures``."""

    def __init__(self, failures: float = 0) -> None:
        self.failures = failures
        self.letters: list[DeadLetter] = []

    async def store(self, letter: DeadLetter, span: Span) -> None:
        await asyncio.sleep(0)
        if self.failures > 0:
            self.failures -= 1
            raise DeadLetterUnavailableError("full")
        self.letters.append(letter)

    @property
    def names(self) -> list[str]:
        return [letter.event.get_id() for letter in self.letters]
