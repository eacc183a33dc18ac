"""Several observers as one."""

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Observer, Observers

ENVELOPE = Envelope(CloudEvent({"id": "1", "source": "/s", "type": "t"}))


class Noting(Observer):
    def __init__(self) -> None:
        self.heard = list[str]()

    def on_read(self, event_type: str) -> None:
        self.heard.append(f"read {event_type}")


class NotingMore(Noting):
    def on_retrying(self, envelope: Envelope, reason: str) -> None:
        self.heard.append(f"retrying {envelope.event.get_id()}: {reason}")


def test_each_observer_hears_what_it_overrides_and_no_hook_fails_that_nobody_overrides() -> None:
    one, other = Noting(), NotingMore()
    observers = Observers(one, other)
    observers.on_read("t")
    observers.on_retrying(ENVELOPE, "503")
    observers.on_delivered(ENVELOPE)
    assert one.heard == ["read t"]
    assert other.heard == ["read t", "retrying 1: 503"]


def test_a_hook_of_one_observer_costs_no_call_of_its_own() -> None:
    one, other = Noting(), NotingMore()
    assert Observers(one, other).on_retrying == other.on_retrying
