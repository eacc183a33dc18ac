"""The metrics: what they count, that /metrics and OTLP say the same, and that both agree with what the sink saw."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

from tests.support.adapter_admin import Admin, run_adapter
from tests.support.clock import Clock
from tests.support.otlp_collector import collector
from tests.support.recording_sink import Answer, RecordingSink, recording_sink
from tests.support.simulator_control import control
from tests.support.threaded_server import QuietHandler, serve_http
from tests.support.waiting import eventually
from vcenter_functions.otel.sdk import is_exported
from vcenter_functions.otel.span_receiver import unpack
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Observers
from vcenter_source.observe.metrics import DURATION_BUCKETS, MAX_TYPES, OTHER_TYPE, Metrics
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.state.checkpoint import OffsetTracker

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
PREFIX = "vcenter_source"
VCENTER = "vc-1"


def make_envelope(cloudevents_type: str = "a") -> Envelope:
    return Envelope(CloudEvent({"id": "1", "source": "/s", "type": cloudevents_type}), "lane")


def observed(clock: Clock) -> tuple[PipelineStatus, Metrics, Observers]:
    status = PipelineStatus(clock)
    metrics = Metrics()
    return status, metrics, Observers(status, metrics.add_vcenter(VCENTER, status, clock=clock))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"{PREFIX}_{name}", {"vcenter": VCENTER} | labels)


def test_spans_that_a_receiver_refuses_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    with collector(400) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        with tracing.export_spans():
            tracing.count_losses(metrics.spans_dropped.inc)
            for _ in range(3):
                tracing.start_root_span("a").end()
    assert metrics.registry.get_sample_value("vcenter_source_spans_dropped_total") == 3


def test_lag_is_told_by_vcenters_clock_and_never_by_ours() -> None:
    clock = Clock(50.0)
    status, metrics, observers = observed(clock)
    tracker = OffsetTracker("uuid", None)
    observers.on_start(tracker)
    assert math.isnan(status.lag)
    # vCenter's clock, decades from ours.
    observers.on_login(NOW)
    tracker.acknowledge(tracker.track((1, NOW - timedelta(seconds=20))))
    waiting = tracker.track((2, NOW - timedelta(seconds=10)))
    tracker.acknowledge(tracker.track((3, NOW)))
    clock.now += 5
    assert value(metrics, "lag_seconds") == 25.0
    tracker.acknowledge(waiting)
    assert value(metrics, "lag_seconds") == 5.0
    tracker.acknowledge(tracker.track((4, NOW + timedelta(seconds=6))))
    assert value(metrics, "lag_seconds") == 0.0


def test_each_log_in_sets_vcenters_clock_and_counts() -> None:
    clock = Clock(50.0)
    _, metrics, observers = observed(clock)
    tracker = OffsetTracker("uuid", None)
    observers.on_start(tracker)
    tracker.acknowledge(tracker.track((1, NOW)))
    observers.on_login(NOW)
    clock.now += 1
    observers.on_login(NOW + timedelta(hours=1))
    assert (value(metrics, "lag_seconds"), value(metrics, "session_logins_total")) == (3600.0, 2.0)


def test_what_is_in_flight_ages_and_then_counts_as_a_duration() -> None:
    clock = Clock(50.0)
    _, metrics, observers = observed(clock)
    first, second = make_envelope(), make_envelope()
    assert (value(metrics, "events_in_flight"), value(metrics, "oldest_in_flight_seconds")) == (0.0, 0.0)
    first.accepted_at = clock.now
    observers.on_accepted(first)
    clock.now += 2
    second.accepted_at = clock.now
    observers.on_accepted(second)
    clock.now += 1
    assert (value(metrics, "events_in_flight"), value(metrics, "oldest_in_flight_seconds")) == (2.0, 3.0)
    observers.on_delivered(first)
    assert (value(metrics, "events_in_flight"), value(metrics, "oldest_in_flight_seconds")) == (1.0, 1.0)
    observers.on_dead_lettered(second, "400")
    assert value(metrics, "events_in_flight") == 0.0
    assert value(metrics, "delivery_duration_seconds_sum") == 3.0
    assert value(metrics, "delivery_duration_seconds_bucket", le="2.5") == 0.0
    assert value(metrics, "delivery_duration_seconds_bucket", le="5.0") == 1.0


def test_ages_are_unknown_before_the_first_success_and_then_run() -> None:
    clock = Clock(50.0)
    status, metrics, _ = observed(clock)
    for connection, name in ((status.vcenter, "read_age_seconds"), (status.checkpoint, "checkpoint_age_seconds")):
        assert math.isnan(value(metrics, name) or 0.0)
        connection.record_success()
        clock.now += 7
        connection.record_failure("away")
        assert value(metrics, name) == 7.0


def test_the_types_that_are_counted_by_name_are_limited() -> None:
    metrics = Metrics()
    observer = metrics.add_vcenter(VCENTER, PipelineStatus())
    for n in range(MAX_TYPES + 50):
        observer.on_read(f"com.example.t{n}")
        observer.on_read(f"com.example.t{n}")
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    (read,) = (family for family in families if family.name == f"{PREFIX}_events_read")
    counted = {sample.labels["type"]: sample.value for sample in read.samples}
    assert len(counted) == MAX_TYPES + 1
    assert counted[OTHER_TYPE] == 100.0
    assert set(counted.values()) == {2.0, 100.0}


def answers(request: int) -> Answer:
    """Every fourth is refused for a while."""
    return (503, {"Retry-After": "0"}) if request % 4 == 0 else (202, {})


@contextmanager
def busy(simulator: Simulator, folder: Path, **settings: str) -> Iterator[tuple[RecordingSink, Admin]]:
    """An adapter that has delivered, retried, filtered and given up events, and has come to rest."""
    wanted = {"EVENT_TYPES": "com.vmware.event.vm.*,com.vmware.event.resourcepool.*", "START_FROM": "beginning"}
    with recording_sink(answers) as sink:
        sink.refuses = lambda message: message.headers["ce-type"].startswith("com.vmware.event.resourcepool.")
        settings |= wanted | {"K_SINK": sink.url, "DEAD_LETTER_PATH": str(folder), "RETRY_MAX_DELAY": "0.1"}
        with run_adapter(simulator, **settings) as admin:
            eventually(lambda: sum(admin.samples(f"{PREFIX}_events_read_total").values()) >= 40)
            eventually(lambda: admin.samples(f"{PREFIX}_events_in_flight")[""] == 0)
            yield sink, admin


def counts(sink: RecordingSink) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """By type: what the sink accepted, answered 503, and refused."""
    accepted = Counter(event.get_type() for event in list(sink.events.queue))
    tried = Counter(message.headers["ce-type"] for message in sink.requests)
    refused = Counter({name: count for name, count in tried.items() if ".resourcepool." in name})
    return accepted, tried - accepted - refused, refused


def test_metrics_agree_with_what_the_sink_has_seen(tmp_path: Path) -> None:
    def nonzero(name: str) -> dict[str, float]:
        return {kind: count for kind, count in admin.samples(f"{PREFIX}_{name}").items() if count}

    with run_simulator(backlog=40) as simulator, busy(simulator, tmp_path) as (sink, admin):
        accepted, retried, refused = counts(sink)
        read = nonzero("events_read_total")
        done = Counter(nonzero("events_delivered_total"))
        assert done == accepted
        assert nonzero("events_retried_total") == retried
        assert nonzero("events_dead_lettered_total") == refused
        assert min(map(len, (accepted, retried, refused))) > 0
        done.update(nonzero("events_filtered_total"))
        done.update(nonzero("events_dead_lettered_total"))
        assert read == done
        assert admin.samples(f"{PREFIX}_delivery_duration_seconds_count")[""] == accepted.total()
        assert admin.samples(f"{PREFIX}_session_logins_total")[""] == 1
        assert 0 <= admin.samples(f"{PREFIX}_read_age_seconds")[""] < 15
        control(simulator, "faults", fault="expire-sessions")
        control(simulator, "events", count=1)
        eventually(lambda: admin.samples(f"{PREFIX}_session_logins_total")[""] == 2)


def test_what_is_served_is_what_prometheus_reads(tmp_path: Path) -> None:
    with run_simulator(backlog=40) as simulator, busy(simulator, tmp_path) as (_, admin):
        plain = admin.get("/metrics")
        modern = admin.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    for answer, parse in ((plain, text_string_to_metric_families), (modern, open_metrics_families)):
        families = list(parse(answer.text))
        assert {family.name for family in families} == {f"{PREFIX}_{name}" for name in NAMES}
        assert all(family.documentation for family in families)
        assert all(family.type in {"counter", "gauge", "histogram"} for family in families)
    assert all(re.fullmatch(LINE, line) for line in plain.text.splitlines())


NAMES = {
    "events_read",
    "events_filtered",
    "events_delivered",
    "events_retried",
    "events_dead_lettered",
    "events_late",
    "events_in_flight",
    "oldest_in_flight_seconds",
    "lag_seconds",
    "read_age_seconds",
    "checkpoint_age_seconds",
    "delivery_duration_seconds",
    "session_logins",
    "spans_dropped",
    "build_info",
    "leading",
}
# Prometheus' text format 0.0.4: a comment, or a name, labels and a number.
LABELS = r'\{\w+="[^"\\\n]*"(?:,\w+="[^"\\\n]*")*\}'
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|\+Inf"
LINE = rf"# (?:HELP|TYPE) \w+ .+|\w+(?:{LABELS})? (?:{NUMBER})"


@contextmanager
def metric_receiver() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP/HTTP receiver; the metrics of each request that came, oldest first."""
    received: list[Any] = []

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.read_body()
            if self.path == "/v1/metrics":
                plain = unpack(body, self.headers.get("content-encoding", ""))
                received.append(ExportMetricsServiceRequest.FromString(plain))
            self.answer(200)

    with serve_http(Handler) as url:
        yield url, received


def points(metric: Any) -> dict[str, float]:
    """The numbers of a sum or a gauge by type, zeros left out."""
    data = metric.sum if metric.WhichOneof("data") == "sum" else metric.gauge
    by_type = {next((a.value.string_value for a in p.attributes if a.key == "type"), ""): p for p in data.data_points}
    numbers = {kind: p.as_double if p.WhichOneof("value") == "as_double" else p.as_int for kind, p in by_type.items()}
    return {kind: float(number) for kind, number in numbers.items() if number}


def test_the_same_numbers_come_over_otlp_and_the_last_ones_at_the_end(tmp_path: Path) -> None:
    with run_simulator(backlog=40) as simulator, metric_receiver() as (url, received):
        otlp = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
            "OTEL_TRACES_EXPORTER": "none",
        }
        with busy(simulator, tmp_path, **otlp) as (sink, admin):
            eventually(lambda: len(received) > 1)
            served = {name: admin.samples(f"{PREFIX}_{name}_total") for name in NAMES if name.startswith("events_")}
            buckets = [
                sample.value
                for family in text_string_to_metric_families(admin.get("/metrics").text)
                for sample in family.samples
                if sample.name.endswith("_bucket")
            ]
            admin.adapter.terminate()
            admin.adapter.communicate(timeout=20)
            accepted, _, _ = counts(sink)
    (of_process,) = received[-1].resource_metrics
    service = next(a.value.string_value for a in of_process.resource.attributes if a.key == "service.name")
    (scope,) = of_process.scope_metrics
    metrics = {metric.name.removeprefix(f"{PREFIX}_"): metric for metric in scope.metrics}
    assert service == "vcenter-source"
    assert set(metrics) == NAMES
    assert all(metric.description for metric in metrics.values())
    assert {name for name, metric in metrics.items() if metric.unit == "s"} == {n for n in NAMES if "seconds" in n}
    assert points(metrics["events_delivered"]) == accepted
    for name, by_type in served.items():
        if name != "events_in_flight":
            assert points(metrics[name]) == {kind: count for kind, count in by_type.items() if count}
            assert metrics[name].sum.is_monotonic
    (durations,) = metrics["delivery_duration_seconds"].histogram.data_points
    assert durations.count == accepted.total()
    assert tuple(durations.explicit_bounds) == DURATION_BUCKETS
    # Prometheus' buckets each hold those before them too.
    assert [sum(durations.bucket_counts[: n + 1]) for n in range(len(DURATION_BUCKETS) + 1)] == buckets


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_what_switches_otlp_metrics_on(environ: dict[str, str], expected: bool) -> None:
    assert is_exported(environ, "METRICS") is expected
