"""The line about events that wait: when it comes, what it names, and how seldom it comes again."""

from typing import Any

from structlog.testing import capture_logs

from tests.support.clock import Clock
from tests.support.dispatcher import make_envelope
from vcenter_source import wiring as parts
from vcenter_source.core.envelope import Envelope
from vcenter_source.observe.stall import StallWatch
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.settings.sink import SinkSettings


class Watched:
    """A status that is looked at each second of a clock that a test holds in its hand."""

    def __init__(self) -> None:
        self.clock = Clock(100.0)
        self.status = PipelineStatus(self.clock)
        self.stall = StallWatch(self.status, self.clock)

    def accept(self, envelope: Envelope) -> None:
        envelope.accepted_at = self.clock.now
        self.status.on_accepted(envelope)

    def after(self, seconds: int) -> list[dict[str, Any]]:
        with capture_logs() as lines:
            for _ in range(seconds):
                self.clock.now += 1
                self.stall.check()
        return [dict(line) for line in lines]


def test_after_thirty_seconds_a_line_names_what_waits_and_how_much() -> None:
    watched = Watched()
    for n in range(64):
        watched.accept(make_envelope(str(n), "x"))
    assert watched.after(29) == []
    (line,) = watched.after(1)
    assert line == {
        "event": "events wait for the sink",
        "log_level": "warning",
        "waiting": 64,
        "seconds": 30,
        "tries": 0,
        "reason": "no answer yet",
        "event_id": "0",
        "event_type": "com.vmware.event.vm.poweredon",
    }


def test_the_line_comes_ever_more_seldom() -> None:
    watched = Watched()
    watched.accept(make_envelope("1", "x"))
    lines = watched.after(3600)
    assert [line["seconds"] for line in lines] == [30, 60, 120, 240, 480, 960, 1560, 2160, 2760, 3360]


def test_an_event_that_the_sink_has_answered_is_left_to_the_log_of_the_sink() -> None:
    watched, one = Watched(), make_envelope("1", "x")
    watched.accept(one)
    watched.status.on_retrying(one, "500: oh")
    assert watched.after(3600) == []


def test_a_sink_that_is_slow_with_each_event_is_told_of_no_more_often() -> None:
    watched = Watched()
    under_way = [make_envelope(str(n), "x") for n in range(40)]
    for each in under_way:
        watched.accept(each)
        watched.after(1)
    lines = []
    for n in range(200):
        watched.status.on_delivered(under_way.pop(0))
        under_way.append(make_envelope(f"later{n}", "x"))
        watched.accept(under_way[-1])
        lines += watched.after(1)
    assert len(lines) <= 3
    assert {line["event"] for line in lines} == {"events wait for the sink"}


def test_a_pager_may_take_its_time() -> None:
    watched = Watched()
    watched.stall = parts.build_stall_watch(SinkSettings.model_construct(address="-"), watched.status)
    watched.accept(make_envelope("1", "x"))
    assert watched.after(3600) == []


def test_the_end_of_it_is_told_once_and_the_next_begins_anew() -> None:
    watched, one, other = Watched(), make_envelope("1", "x"), make_envelope("2", "y")
    watched.accept(one)
    assert len(watched.after(100)) == 2
    watched.status.on_delivered(one)
    assert [(line["event"], line["waiting"]) for line in watched.after(100)] == [
        ("no events wait for the sink any more", 0)
    ]
    watched.accept(other)
    assert [line["event_id"] for line in watched.after(30)] == ["2"]
