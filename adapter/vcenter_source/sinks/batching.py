"""Several events in one request, where BATCH allows it (CloudEvents, JSON Batch Format)."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, LeaseLostError, SinkAccessError
from vcenter_source.events.codec import BATCH_TYPE, OrjsonFormat
from vcenter_source.sinks.endpoint import HttpEndpoint, check_size, replay_header


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event as it is written in a batch, and the future that its sender waits for."""

    written: bytes
    envelope: Envelope
    receipt: asyncio.Future[Receipt]


class BatchingSink:
    """Sends CloudEvents that are there at the same time in one request, at most ``max_events`` of them.

    If a request is refused, or a fence stops it, each of its events is sent alone, since one may be the reason. An
    event that has failed before is sent alone too, or the others would fail with it. A batch has at most
    ``max_event_bytes``.
    """

    def __init__(self, endpoint: HttpEndpoint, max_events: int, max_event_bytes: int) -> None:
        self._endpoint = endpoint
        self._max_events = max_events
        self._max_event_bytes = max_event_bytes
        self._format = OrjsonFormat()
        self._pending: deque[PendingEvent] = deque()
        self._requests: set[asyncio.Task[None]] = set()
        self.address = endpoint.name

    async def send(self, envelope: Envelope) -> Receipt:
        """Return when the event's batch is acknowledged. Raises SinkUnavailableError or EventRefusedError."""
        event = self._write(envelope)
        if envelope.attempt or envelope.replay_id:
            self._start([event])
        else:
            if not self._pending:
                asyncio.get_running_loop().call_soon(self._gather)  # after those that are about to send as well
            self._pending.append(event)
        return await event.receipt

    def _write(self, envelope: Envelope) -> PendingEvent:
        written = self._format.write(envelope.event)
        check_size(len(written), self._max_event_bytes)
        return PendingEvent(written, envelope, asyncio.get_running_loop().create_future())

    def _gather(self) -> None:
        while self._pending:
            batch: list[PendingEvent] = []
            size = 0
            while self._pending and len(batch) < self._max_events:
                size += len(self._pending[0].written)
                if batch and size > self._max_event_bytes:
                    break
                batch.append(self._pending.popleft())
            self._start(batch)

    def _start(self, batch: list[PendingEvent]) -> None:
        request = asyncio.ensure_future(self._send_batch(batch))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)

    async def _send_batch(self, batch: list[PendingEvent]) -> None:
        body = b"[" + b",".join(event.written for event in batch) + b"]"
        headers = {"content-type": BATCH_TYPE} | (replay_header(batch[0].envelope) if len(batch) == 1 else {})
        try:
            receipt = await self._endpoint.post_batch([event.envelope for event in batch], headers, body)
        except (EventRefusedError, LeaseLostError, SinkAccessError) as exc:
            if len(batch) > 1:  # one of them may be the reason
                await asyncio.gather(*(self._send_batch([event]) for event in batch))
            else:
                resolve(batch, exc)
        except Exception as exc:  # noqa: BLE001  whatever it is, the senders have to know
            resolve(batch, exc)
        else:
            resolve(batch, receipt)


def resolve(batch: Iterable[PendingEvent], outcome: Receipt | Exception) -> None:
    """Give the outcome to the senders that still wait for it."""
    for event in batch:
        if event.receipt.done():
            continue
        if isinstance(outcome, Exception):
            event.receipt.set_exception(outcome)
        else:
            event.receipt.set_result(outcome)
