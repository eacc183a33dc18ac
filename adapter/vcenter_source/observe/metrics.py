"""The metrics: each is defined here, once, for Prometheus and for OTLP alike.

Names carry their unit, as Prometheus wants them; over OTLP a counter's name has no ``_total``. Counters run from the
start of the process. The type of an event is a label with a bound: see ``MAX_TYPES``.
"""

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Observer
from vcenter_source.observe.status import PipelineStatus

MAX_TYPES = 300
"""CloudEvents types that are counted by name, those of all vCenters together; later ones count as ``OTHER_TYPE``. A
vCenter has about 2,000 event type ids, extensions bring their own, and each type costs five time series."""

VCENTER = "vcenter"
"""The label with a vCenter's name."""

OTHER_TYPE = "other"

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper limits in seconds: from a Broker that responds at once to one that was away for a while."""

Measure = Callable[[PipelineStatus], float]
"""Returns a gauge's value."""

InstrumentT = TypeVar("InstrumentT", Counter, Gauge)

# Otherwise each counter is served with a second time series, for when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left this one out


class TypeCounters(NamedTuple):
    """The counters of one CloudEvents type."""

    read: Counter
    filtered: Counter
    delivered: Counter
    retried: Counter
    dead_lettered: Counter


class Metrics:
    """The metrics of this process. Each vCenter has its own numbers, which ``add_vcenter`` begins."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.instruments: list[Counter | Gauge] = []
        """All instruments but the histogram."""
        self._by_vcenter: list[Counter | Gauge] = []
        """Those with a vCenter's label."""
        self.duration_recorders: list[Callable[[float, Mapping[str, str]], None]] = []
        """Called with the duration of each delivery, in seconds, and its labels, beside the histogram."""
        self.known_types = 0
        """How many pairs of a vCenter and a type are counted by name."""
        self._define_counters()
        self._define_gauges()
        self.durations = Histogram(
            "delivery_duration_seconds",
            "Seconds from reading an event to its acknowledgement by the sink, with all retries.",
            (VCENTER,),
            namespace="vcenter_source",
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )

    def _define_counters(self) -> None:
        self.by_type = TypeCounters(
            read=self._counter("events_read", "Events read from vCenter, before EVENT_TYPES is applied here.", "type"),
            filtered=self._counter("events_filtered", "Events read that EVENT_TYPES excludes.", "type"),
            delivered=self._counter("events_delivered", "Events that the sink has acknowledged.", "type"),
            retried=self._counter("events_retried", "Failed tries to deliver an event; another try follows.", "type"),
            dead_lettered=self._counter("events_dead_lettered", "Events that the sink refused for good.", "type"),
        )
        self.logins = self._counter("session_logins", "Log-ins at vCenter.")
        self.late = self._counter("events_late", "Events that vCenter stored later than half of READ_OVERLAP.")
        self.spans_dropped = self._define(Counter, "spans_dropped", "Spans that the OTLP receiver did not get.", ())

    def _define_gauges(self) -> None:
        self._gauges: dict[Gauge, Measure] = {
            self._gauge("events_in_flight", "Events read and not yet acknowledged."): lambda status: status.in_flight,
            self._gauge(
                "oldest_in_flight_seconds", "Seconds that the oldest event in flight has waited; 0 without one."
            ): lambda status: status.oldest_in_flight,
        }
        unknown = "NaN before the first time, and while another adapter delivers"
        self._leader_gauges: dict[Gauge, Measure] = {
            self._gauge(
                "lag_seconds",
                "Seconds from the creation of the last event up to which all are acknowledged until now, on vCenter's "
                f"clock; {unknown}. It grows on a quiet vCenter: alert on oldest_in_flight_seconds instead.",
            ): lambda status: status.lag,
            self._gauge(
                "read_age_seconds",
                f"Seconds since vCenter was last read successfully; {unknown}. It grows while MAX_IN_FLIGHT events "
                "wait for the sink, since the adapter does not read then.",
            ): lambda status: nan_if_none(status.vcenter.age),
            self._gauge(
                "checkpoint_age_seconds", f"Seconds since the checkpoint was last up to date; {unknown}."
            ): lambda status: nan_if_none(status.checkpoint.age),
        }
        self._leading = self._gauge("leading", "1 while this adapter delivers, 0 while it stands by for another.")
        build = self._define(Gauge, "build_info", "Always 1; the labels say what is running.", ("version", "python"))
        build.labels(version("vcenter-source"), platform.python_version()).set(1)

    def add_roster(self, problem: Callable[[], str]) -> None:
        """Show whether VCENTERS_FILE can be used; ``problem`` says why it cannot, empty while it can."""
        gauge = self._define(
            Gauge,
            "vcenters_file_valid",
            "1 while VCENTERS_FILE can be used as it is, 0 while an earlier one is used instead.",
            (),
        )
        gauge.set_function(lambda: not problem())

    def add_vcenter(
        self,
        vcenter: str,
        status: PipelineStatus,
        is_leading: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> "VcenterMetrics":
        """Begin the numbers of a vCenter; return what counts its events.

        ``status`` has the values of gauges; ``is_leading`` says whether this adapter is the one that delivers.
        ``clock`` is the dispatcher's, in seconds.
        """
        for gauge, measure in self._gauges.items():
            gauge.labels(vcenter).set_function(partial(measure, status))
        for gauge, measure in self._leader_gauges.items():
            gauge.labels(vcenter).set_function(partial(measure_leader, measure, status, is_leading))
        self._leading.labels(vcenter).set_function(is_leading)
        return VcenterMetrics(self, vcenter, clock)

    def remove_vcenter(self, vcenter: str) -> None:
        """End the numbers of a vCenter that is not read any more."""
        for instrument in (*self._by_vcenter, self.durations):
            instrument.remove_by_labels({VCENTER: vcenter})

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return self._define(Counter, name, meaning, (VCENTER, *labels))

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return self._define(Gauge, name, meaning, (VCENTER,))

    def _define(self, kind: type[InstrumentT], name: str, meaning: str, labels: Sequence[str]) -> InstrumentT:
        instrument = kind(name, meaning, labels, namespace="vcenter_source", registry=self.registry)
        self.instruments.append(instrument)
        if VCENTER in labels:
            self._by_vcenter.append(instrument)
        return instrument


class VcenterMetrics(Observer):
    """Counts what happens to the events of one vCenter."""

    def __init__(self, metrics: Metrics, vcenter: str, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._vcenter = vcenter
        self._clock = clock
        self._types: dict[str, TypeCounters] = {}
        self._logins, self._late = metrics.logins.labels(vcenter), metrics.late.labels(vcenter)
        self._observe_duration = metrics.durations.labels(vcenter).observe
        self._labels = {VCENTER: vcenter}

    def on_login(self, vcenter_now: datetime) -> None:  # noqa: ARG002  the status has it
        """Count the session."""
        self._logins.inc()

    def on_late(self) -> None:
        """Count the event."""
        self._late.inc()

    def on_read(self, event_type: str) -> None:
        """Count the event."""
        self._counters_of(event_type).read.inc()

    def on_filtered(self, event_type: str) -> None:
        """Count the event."""
        self._counters_of(event_type).filtered.inc()

    def on_retrying(self, envelope: Envelope, reason: str) -> None:  # noqa: ARG002  nothing is counted by it
        """Count the try."""
        self._counters_of(envelope.event.get_type()).retried.inc()

    def on_delivered(self, envelope: Envelope) -> None:
        """Count the event, and how long it was in flight."""
        self._counters_of(envelope.event.get_type()).delivered.inc()
        seconds = self._clock() - envelope.accepted_at
        self._observe_duration(seconds)
        for record in self._metrics.duration_recorders:
            record(seconds, self._labels)

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:  # noqa: ARG002  nothing is counted by it
        """Count the event."""
        self._counters_of(envelope.event.get_type()).dead_lettered.inc()

    def _counters_of(self, cloudevents_type: str) -> TypeCounters:
        """Return the counters of a type from a cache: the library's own search takes three times as long."""
        counters = self._types.get(cloudevents_type)
        if counters is None:
            label = cloudevents_type if self._metrics.known_types < MAX_TYPES else OTHER_TYPE
            counters = self._types.get(label) or self._begin(label)
            self._types[cloudevents_type] = counters
        return counters

    def _begin(self, label: str) -> TypeCounters:
        self._metrics.known_types += 1
        self._types[label] = TypeCounters(*(each.labels(self._vcenter, label) for each in self._metrics.by_type))
        return self._types[label]


def measure_leader(measure: Measure, status: PipelineStatus, is_leading: Callable[[], bool]) -> float:
    """Return a gauge's value, NaN for a standby: it knows nothing of what the other adapter does."""
    return measure(status) if is_leading() else math.nan


def nan_if_none(seconds: float | None) -> float:
    """Return NaN, which is Prometheus' unknown, for None."""
    return math.nan if seconds is None else seconds
