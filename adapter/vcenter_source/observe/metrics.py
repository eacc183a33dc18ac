"""The metrics: each is defined here, once, for Prometheus and for OTLP alike.

Names carry their unit, as Prometheus wants them; over OTLP a counter's name has no ``_total``. Counters run from the
start of the process. The type of an event is a label with a bound: see ``MAX_TYPES``.
"""

import math
import platform
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from vcenter_source.core.connection_status import Contact
from vcenter_source.core.envelope import Envelope
from vcenter_source.pipeline.dispatcher import Watch
from vcenter_source.state.checkpoint import OffsetTracker

if TYPE_CHECKING:
    from vcenter_source.state.lease import Lease

MAX_TYPES = 300
"""CloudEvents types that are counted by name. vCenter knows some 2,000 event type ids, extensions bring their own, and
each type costs five time series; the types seen after these count as ``OTHER``."""

OTHER = "other"

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper limits in seconds: from a Broker that answers at once to one that was away for a while."""

# Otherwise each counter is served with a second time series, for when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left this one out


class OfType(NamedTuple):
    """The counters of one CloudEvents type."""

    read: Counter
    filtered: Counter
    delivered: Counter
    retried: Counter
    dead_lettered: Counter


PATIENCE = 30.0
"""Seconds that an event may wait before it is worth a word. A Broker may take minutes for an answer and say nothing."""


class Waiting(NamedTuple):
    """An event that is in flight: for how many seconds, after how many failed tries, what the last of them said."""

    envelope: Envelope
    seconds: float
    failures: int = 0
    reason: str = ""


class Meters(Watch):
    """Counts what happens to events, and knows when each side last answered. ``clock`` is monotonic, in seconds.

    It is written to by the event loop and the thread that speaks with vCenter, and read by any thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.vcenter, self.sink, self.checkpoint = Contact(clock), Contact(clock), Contact(clock)
        self.lease: Lease | None = None
        """Which of several adapters delivers; None where there is no other."""
        self.gateway: Contact | None = None
        """The reading of functions from an OpenFaaS gateway; None for other sinks."""
        self._types: dict[str, OfType] = {}
        self._under_way: dict[int, tuple[float, Envelope]] = {}
        self._failing: dict[int, tuple[int, str]] = {}
        self._ledger: OffsetTracker | None = None
        self._vcenter_clock: tuple[datetime, float] | None = None
        self.registry = CollectorRegistry()
        self.instruments: list[Counter | Gauge] = []
        """All but the histogram."""
        self._define_counters()
        self._define_gauges()
        self.durations = Histogram(
            "delivery_duration_seconds",
            "From the taking up of an event to the sink's acknowledgement, waits and tries included.",
            namespace="vcenter_source",
            registry=self.registry,
            buckets=BUCKETS,
        )
        self._record_duration: tuple[Callable[[float], None], ...] = (self.durations.observe,)

    def _define_counters(self) -> None:
        self._by_type = OfType(
            read=self._counter("events_read", "Events read from vCenter, before EVENT_TYPES is applied here.", "type"),
            filtered=self._counter("events_filtered", "Events read that EVENT_TYPES does not want.", "type"),
            delivered=self._counter("events_delivered", "Events that the sink has acknowledged.", "type"),
            retried=self._counter("events_retried", "Tries to deliver an event that failed; another follows.", "type"),
            dead_lettered=self._counter("events_dead_lettered", "Events that the sink refused for good.", "type"),
        )
        self._logins = self._counter("session_logins", "Sessions begun with vCenter.")
        self._late = self._counter("events_late", "Events that vCenter stored later than half of READ_OVERLAP.")

    def _define_gauges(self) -> None:
        self._gauge("events_in_flight", "Events taken up and not yet acknowledged.", lambda: self.in_flight)
        self._gauge(
            "oldest_in_flight_seconds",
            "How long the oldest event in flight has been; 0 while there is none.",
            lambda: self.oldest_in_flight,
        )
        self._gauge(
            "lag_seconds",
            "vCenter's clock less the creation of the last event up to which all are acknowledged; NaN before the "
            "first. On a quiet vCenter it grows though nothing waits: read it beside oldest_in_flight_seconds.",
            lambda: self.lag,
        )
        self._gauge(
            "read_age_seconds",
            "Since vCenter was last read successfully; NaN before the first time. It grows while a full window holds "
            "the reading.",
            lambda: or_nan(self.vcenter.age),
        )
        self._gauge(
            "checkpoint_age_seconds",
            "Since the checkpoint was last saved, or found to be saved already; NaN before the first time.",
            lambda: or_nan(self.checkpoint.age),
        )
        self._gauge("leading", "1 while this adapter delivers, 0 while it stands by for another.", lambda: self.leading)
        build = self._gauge("build_info", "Always 1; the labels say what is running.", None, "version", "python")
        build.labels(version("vcenter-source"), platform.python_version()).set(1)

    def late(self) -> None:
        """An event was stored late."""
        self._late.inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        counter = Counter(name, meaning, labels, namespace="vcenter_source", registry=self.registry)
        self.instruments.append(counter)
        return counter

    def _gauge(self, name: str, meaning: str, value: Callable[[], float] | None, *labels: str) -> Gauge:
        gauge = Gauge(name, meaning, labels, namespace="vcenter_source", registry=self.registry)
        if value is not None:
            gauge.set_function(value)
        self.instruments.append(gauge)
        return gauge

    def follow(self, ledger: OffsetTracker) -> None:
        """The lag is that of this ledger from now on; what was under way with an earlier one is no more."""
        self._ledger = ledger
        self._under_way.clear()
        self._failing.clear()

    def logged_in(self, vcenter_now: datetime) -> None:
        """A session with vCenter has begun, at this time on vCenter's own clock."""
        self._logins.inc()
        self._vcenter_clock = vcenter_now, self._clock()

    def read(self, cloudevents_type: str) -> None:
        """An event was read."""
        self._of(cloudevents_type).read.inc()

    def filtered(self, cloudevents_type: str) -> None:
        """An event that was read is not wanted."""
        self._of(cloudevents_type).filtered.inc()

    def taken(self, envelope: Envelope) -> None:
        """It is in the window."""
        self._under_way[id(envelope)] = self._clock(), envelope

    def failed(self, envelope: Envelope, reason: str) -> None:
        """A try to send it has failed; another will follow."""
        self._of(envelope.event.get_type()).retried.inc()
        self.sink.failed(reason)
        failures, _ = self._failing.get(id(envelope), (0, ""))
        self._failing[id(envelope)] = failures + 1, reason

    def turned_away(self, reason: str) -> None:  # noqa: ARG002  the try is told of as a failed one, too
        """The sink's answer speaks of the way there."""
        self.sink.turned_away = True

    def delivered(self, envelope: Envelope) -> None:
        """The sink has acknowledged it."""
        self._of(envelope.event.get_type()).delivered.inc()
        self.sink.succeeded()
        seconds = self._clock() - self._ended(envelope)
        for record in self._record_duration:
            record(seconds)

    def dead_lettered(self, envelope: Envelope, reason: str) -> None:  # noqa: ARG002  nothing is counted by it
        """The sink has refused it for good."""
        self._of(envelope.event.get_type()).dead_lettered.inc()
        self._ended(envelope)

    def _ended(self, envelope: Envelope) -> float:
        """It is no longer in flight; returns when it was taken up."""
        if self._failing:
            self._failing.pop(id(envelope), None)
        return self._under_way.pop(id(envelope))[0]

    def also_record_durations(self, record: Callable[[float], None]) -> None:
        """Tell each delivery's duration, in seconds, to this one too."""
        self._record_duration += (record,)

    def _of(self, cloudevents_type: str) -> OfType:
        """The counters of a type, found once and kept: the library's own search for them takes three times as long."""
        found = self._types.get(cloudevents_type)
        if found is None:
            label = cloudevents_type if len(self._types) < MAX_TYPES else OTHER
            found = self._types.get(label) or OfType(*(counter.labels(label) for counter in self._by_type))
            self._types[label] = found
        return found

    @property
    def leading(self) -> bool:
        """Whether it is this adapter that delivers."""
        return self.lease is None or self.lease.is_held

    @property
    def in_flight(self) -> int:
        """Events taken up and not yet acknowledged."""
        return len(self._under_way)

    @property
    def oldest_in_flight(self) -> float:
        """How long the oldest of them has been, in seconds; 0 where there is none."""
        oldest = self.oldest
        return oldest.seconds if oldest else 0.0

    @property
    def oldest(self) -> Waiting | None:
        """The one that has been in flight for longest: in the end it holds the stream. None where there is none."""
        begun = list(self._under_way.values())  # in one step, since the loop's thread may change it meanwhile
        if not begun:
            return None
        taken, envelope = begun[0]
        return Waiting(envelope, self._clock() - taken, *self._failing.get(id(envelope), ()))

    @property
    def lag(self) -> float:
        """Seconds of vCenter's time, as it was told at the last log-in and has gone on since: never the local clock.

        NaN while either end is unknown.
        """
        last = self._ledger.last if self._ledger else None
        if last is None or self._vcenter_clock is None:
            return math.nan
        told, at = self._vcenter_clock
        return max(0.0, (told - last[1]).total_seconds() + self._clock() - at)


def or_nan(seconds: float | None) -> float:
    """Prometheus' way to say that a number is not known."""
    return math.nan if seconds is None else seconds
