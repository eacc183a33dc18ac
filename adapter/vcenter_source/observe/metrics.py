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
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Observer
from vcenter_source.observe.status import PipelineStatus

MAX_TYPES = 300
"""CloudEvents types that are counted by name; later ones count as ``OTHER_TYPE``. vCenter has about 2,000 event type
ids, extensions bring their own, and each type costs five time series."""

OTHER_TYPE = "other"

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper limits in seconds: from a Broker that responds at once to one that was away for a while."""

# Otherwise each counter is served with a second time series, for when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left this one out


class TypeCounters(NamedTuple):
    """The counters of one CloudEvents type."""

    read: Counter
    filtered: Counter
    delivered: Counter
    retried: Counter
    dead_lettered: Counter


class Metrics(Observer):
    """Counts what happens to events. ``status`` has the values of gauges; ``clock`` is the dispatcher's, in seconds.

    ``is_leading`` says whether this adapter is the one that delivers.
    """

    def __init__(
        self,
        status: PipelineStatus,
        clock: Callable[[], float] = time.monotonic,
        is_leading: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._types: dict[str, TypeCounters] = {}
        self.registry = CollectorRegistry()
        self.instruments: list[Counter | Gauge] = []
        """All instruments but the histogram."""
        self._define_counters()
        self._define_gauges(status, is_leading)
        self.durations = Histogram(
            "delivery_duration_seconds",
            "Seconds from reading an event to its acknowledgement by the sink, with all retries.",
            namespace="vcenter_source",
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )
        self._record_duration: tuple[Callable[[float], None], ...] = (self.durations.observe,)

    def _define_counters(self) -> None:
        self._by_type = TypeCounters(
            read=self._counter("events_read", "Events read from vCenter, before EVENT_TYPES is applied here.", "type"),
            filtered=self._counter("events_filtered", "Events read that EVENT_TYPES excludes.", "type"),
            delivered=self._counter("events_delivered", "Events that the sink has acknowledged.", "type"),
            retried=self._counter("events_retried", "Failed tries to deliver an event; another try follows.", "type"),
            dead_lettered=self._counter("events_dead_lettered", "Events that the sink refused for good.", "type"),
        )
        self._logins = self._counter("session_logins", "Log-ins at vCenter.")
        self._late = self._counter("events_late", "Events that vCenter stored later than half of READ_OVERLAP.")

    def _define_gauges(self, status: PipelineStatus, is_leading: Callable[[], bool]) -> None:
        self._gauge("events_in_flight", "Events read and not yet acknowledged.", lambda: status.in_flight)
        self._gauge(
            "oldest_in_flight_seconds",
            "Seconds that the oldest event in flight has waited; 0 without one.",
            lambda: status.oldest_in_flight,
        )
        self._gauge(
            "lag_seconds",
            "Seconds from the creation of the last event up to which all are acknowledged until now, on vCenter's "
            "clock; NaN before the first. It grows on a quiet vCenter: alert on oldest_in_flight_seconds instead.",
            lambda: status.lag,
        )
        self._gauge(
            "read_age_seconds",
            "Seconds since vCenter was last read successfully; NaN before the first time. It grows while "
            "MAX_IN_FLIGHT events wait for the sink, since the adapter does not read then.",
            lambda: nan_if_none(status.vcenter.age),
        )
        self._gauge(
            "checkpoint_age_seconds",
            "Seconds since the checkpoint was last up to date; NaN before the first time.",
            lambda: nan_if_none(status.checkpoint.age),
        )
        self._gauge("leading", "1 while this adapter delivers, 0 while it stands by for another.", is_leading)
        build = self._gauge("build_info", "Always 1; the labels say what is running.", None, "version", "python")
        build.labels(version("vcenter-source"), platform.python_version()).set(1)

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
        for record in self._record_duration:
            record(seconds)

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:  # noqa: ARG002  nothing is counted by it
        """Count the event."""
        self._counters_of(envelope.event.get_type()).dead_lettered.inc()

    def add_duration_recorder(self, record: Callable[[float], None]) -> None:
        """Call ``record`` with the duration of each delivery, in seconds."""
        self._record_duration += (record,)

    def _counters_of(self, cloudevents_type: str) -> TypeCounters:
        """Return the counters of a type from a cache: the library's own search takes three times as long."""
        counters = self._types.get(cloudevents_type)
        if counters is None:
            label = cloudevents_type if len(self._types) < MAX_TYPES else OTHER_TYPE
            counters = self._types.get(label) or TypeCounters(*(counter.labels(label) for counter in self._by_type))
            self._types[label] = counters
        return counters


def nan_if_none(seconds: float | None) -> float:
    """Return NaN, which is Prometheus' unknown, for None."""
    return math.nan if seconds is None else seconds
