"""The metrics over OTLP: the same numbers that /metrics shows, pushed if an OTLP endpoint is configured.

The standard variables say where to, how often (OTEL_METRIC_EXPORT_INTERVAL, milliseconds, default 60,000) and which
temporality; OTEL_METRICS_EXPORTER=none turns them off, for a receiver of traces alone.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from vcenter_functions.otel import sdk
from vcenter_source.core import tracing
from vcenter_source.observe.metrics import DURATION_BUCKETS, Metrics

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation


@contextmanager
def export_metrics(metrics: Metrics) -> Iterator[None]:
    """Push the metrics while this lasts, and once more at its end; without an endpoint nothing is even imported."""
    if not sdk.is_exported(os.environ, "METRICS"):
        yield
        return
    with tracing.map_otel_errors(), sdk.map_sdk_errors():
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        from vcenter_functions.otel.receiver import create_session

        session = create_session(OTLPMetricExporter, os.environ)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(session=session))
        provider = MeterProvider([reader], sdk.build_resource(tracing.SERVICE_NAME), shutdown_on_exit=False)
    register_instruments(metrics, provider.get_meter(tracing.SERVICE_NAME, version(tracing.SERVICE_NAME)))
    try:
        yield
    finally:
        sdk.shut_down(provider.shutdown)


def register_instruments(metrics: Metrics, meter: "Meter") -> None:
    """Register an OTLP instrument for each metric. Counters and gauges are only read when they are sent."""
    for instrument in metrics.instruments:
        (family,) = instrument.collect()
        unit = "s" if family.name.endswith("_seconds") else "1"
        create = meter.create_observable_counter if family.type == "counter" else meter.create_observable_gauge
        create(family.name, [build_callback(instrument)], unit, family.documentation)
    (family,) = metrics.durations.collect()
    durations = meter.create_histogram(
        family.name, "s", family.documentation, explicit_bucket_boundaries_advisory=DURATION_BUCKETS
    )
    metrics.duration_recorders.append(durations.record)


def build_callback(instrument: Counter | Gauge) -> "Callable[[CallbackOptions], list[Observation]]":
    """Return what the SDK calls for an instrument's numbers. A number that is not known yet is left out."""
    from opentelemetry.metrics import Observation

    def observe(_: "CallbackOptions") -> list[Observation]:
        samples = [sample for family in instrument.collect() for sample in family.samples]
        return [Observation(sample.value, sample.labels) for sample in samples if not math.isnan(sample.value)]

    return observe
