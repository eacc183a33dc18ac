"""A viewer: of a running adapter, or by itself, told of whatever events a test makes up."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.v1.event import CloudEvent

from tests.support.processes import process, wait_for_line
from tests.support.simulator_control import LOGIN
from vcenter_simulator.server import Simulator
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.observers import Observers
from vcenter_source.observe.health import Health, VcenterHealth
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.viewer.feed import Feed, FeedInterruption
from vcenter_source.viewer.letters import LetterBox
from vcenter_source.viewer.server import serve_viewer
from vcenter_source.viewer.viewer import Viewer

SOURCE = "https://vcenter.example.com/sdk"


@contextmanager
def run_viewer(simulator: Simulator, sink: str, *command: str, **settings: str) -> Iterator[str]:
    """A running adapter with its viewer on a free port; the page's address."""
    where = {"VCENTER_URL": simulator.url, "K_SINK": sink, "VIEWER": "0", "RETRY_MAX_DELAY": "1"} | LOGIN
    with process("vcenter_source", *(command or ("run",)), **(where | settings)) as adapter:
        url = wait_for_line(adapter, "serving the event viewer").rpartition("url=")[2].strip()
        wait_for_line(adapter, "reading events")
        drain = threading.Thread(target=lambda: [None for _ in adapter.stderr or ()], daemon=True)
        drain.start()
        try:
            yield url
        finally:
            adapter.kill()
            drain.join(10)  # or the log might be closed while it is read


def make_event(
    key: int, *, name: str = "web-1", message: str | None = None, when: datetime | None = None, **more: str
) -> CloudEvent:
    """A virtual machine that was powered on."""
    created = when or datetime.now(UTC)
    attributes: dict[str, Any] = {
        "specversion": "1.0", "id": str(key), "source": SOURCE, "type": "com.vmware.event.vm.poweredon",
        "time": created, "datacontenttype": "application/json", "subject": f"VirtualMachine:vm-{key % 50}",
        "severitytext": "INFO", "eventclass": "event", "eventname": "VmPoweredOnEvent",
        "eventancestors": "VmPoweredOnEvent,VmEvent,Event", "partitionkey": f"VirtualMachine:vm-{key % 50}",
    }  # fmt: skip
    reference = {"_typeName": "ManagedObjectReference", "type": "VirtualMachine", "value": f"vm-{key % 50}"}
    data = {
        "_typeName": "VmPoweredOnEvent",
        "key": key,
        "createdTime": created.isoformat(),
        "userName": "administrator@vsphere.local",
        "vm": {"_typeName": "VmEventArgument", "name": name, "vm": reference},
        "fullFormattedMessage": message or f"{name} on esx-1 in DC0 is powered on",
    }
    return CloudEvent(attributes | more, data)


def make_envelope(event: CloudEvent) -> Envelope:
    return Envelope(event, "lane", accepted_at=time.monotonic())


class KeepingSink:
    """Keeps what it is sent."""

    address = "http://broker.example.com/"

    def __init__(self) -> None:
        self.events: list[CloudEvent] = []
        self.refusal: Exception | None = None
        self.refused: set[str] = set()
        """The ids of the events that are refused; all of them where it is empty."""

    async def send(self, envelope: Envelope) -> Receipt:
        if self.refusal and (not self.refused or envelope.event.get_id() in self.refused):
            raise self.refusal
        self.events.append(envelope.event)
        return Receipt()


@dataclass
class LoneViewer:
    """A viewer by itself, on a loop in another thread. ``do`` calls something there."""

    url: str
    feed: Feed
    sink: KeepingSink
    status: PipelineStatus
    observers: Observers
    loop: asyncio.AbstractEventLoop
    health: Health
    envelopes: dict[str, Envelope] = field(default_factory=dict)

    def do(self, action: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        self.loop.call_soon_threadsafe(lambda: done.set_result(action()))
        return done.result(10)

    def post(self, *events: CloudEvent, state: str = "delivered") -> None:
        """Events, each in this state."""
        self.do(lambda: self._post(events, state))

    def _post(self, events: tuple[CloudEvent, ...], state: str) -> None:
        for event in events:
            self._post_one(event, state)

    def _post_one(self, event: CloudEvent, state: str) -> None:
        envelope = self.envelopes[event.get_id()] = make_envelope(event)
        self.observers.on_accepted(envelope)
        if state == "retrying":
            self.observers.on_retrying(envelope, "http://broker.example.com/ answers 503 Service Unavailable")
        elif state == "dead letter":
            self.observers.on_dead_lettered(
                envelope, "http://broker.example.com/ answers 400 Bad Request: no such thing"
            )
        elif state == "delivered":
            self.observers.on_delivered(envelope)
        if state in {"delivered", "dead letter"}:
            del self.envelopes[event.get_id()]


@contextmanager
def run_viewer_alone(
    *,
    limit: int = 10_000,
    token: str | None = None,
    host: str = "127.0.0.1",
    letters: DeadLetterFolder | None = None,
    **viewer: Any,
) -> Iterator[LoneViewer]:
    """A viewer without an adapter; with the dead letters of a folder, if one is given."""
    started: Future[LoneViewer] = Future()
    over: Future[Callable[[], object]] = Future()

    async def run() -> None:
        end, status, feed, sink = asyncio.Event(), PipelineStatus(), Feed(limit), KeepingSink()
        loop = asyncio.get_running_loop()
        over.set_result(lambda: loop.call_soon_threadsafe(end.set))
        options: dict[str, Any] = {
            "source": SOURCE,
            "sink": sink,
            "catalog": EventCatalog(),
            "spans": None,
            "trace_url": None,
            "trace_api": None,
            "letters": letters and LetterBox(letters, feed, sink),
        }
        health = Health(60)
        health.vcenters["vc"] = VcenterHealth(status, 60, 1)
        viewing = Viewer(feed, health, **(options | viewer))
        async with serve_viewer(viewing, host, 0, token) as url:
            observers = Observers(status, feed, FeedInterruption(feed, "vc"))
            started.set_result(LoneViewer(url, feed, sink, status, observers, loop, health))
            await end.wait()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as exc:  # noqa: BLE001  handed to the test's thread
            if not started.done():
                started.set_exception(exc)

    thread = threading.Thread(target=main, name="viewer")
    thread.start()
    try:
        yield started.result(10)
    finally:
        over.result(10)()
        thread.join(10)


def port_of(url: str) -> int:
    found = re.search(r":(\d+)/", url)
    assert found
    return int(found[1])
