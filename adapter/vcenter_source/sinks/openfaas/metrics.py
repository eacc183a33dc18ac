"""Metrics of the OpenFaaS sink; served by the shim, or beside the adapter's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from vcenter_source.sinks.openfaas.outcomes import InvocationOutcome
from vcenter_source.sinks.openfaas.topic_poller import TopicMapPoller

MAX_FUNCTIONS = 300
"""Functions that are counted by name; further ones count as ``other``."""

_LABELS = {
    InvocationOutcome.ACCEPTED: "taken",
    InvocationOutcome.RETRY: "again",
    InvocationOutcome.HELD: "again",
    InvocationOutcome.FAILED: "failed",
    InvocationOutcome.NOT_FOUND: "unknown",
    InvocationOutcome.REFUSED: "refused",
}


class OpenfaasMetrics:
    """Prometheus' counters and gauges."""

    def __init__(self, registry: CollectorRegistry, poller: TopicMapPoller) -> None:
        self._functions: set[str] = set()
        self._counters: dict[tuple[str, InvocationOutcome], Counter] = {}
        self._invocations = Counter(
            "openfaas_invocations",
            "Invocations by outcome: taken (accepted), again (to be retried), failed (the function itself), unknown "
            "(no such function), refused.",
            ("function", "outcome"),
            namespace="vcenter_source",
            registry=registry,
        )
        self.unwanted_events = Counter(
            "openfaas_events_unwanted",
            "Events that no function has a topic for.",
            namespace="vcenter_source",
            registry=registry,
        )
        functions = Gauge(
            "openfaas_functions", "Functions in the topic map.", namespace="vcenter_source", registry=registry
        )
        functions.set_function(lambda: len(poller.last.functions) if poller.last else 0)
        age = Gauge(
            "openfaas_topic_map_age_seconds",
            "Seconds since the functions were last read; NaN before the first time.",
            namespace="vcenter_source",
            registry=registry,
        )
        age.set_function(lambda: float("nan") if poller.connection.age is None else poller.connection.age)

    def count_invocation(self, path: str, outcome: InvocationOutcome) -> None:
        """Count an invocation of a function."""
        counter = self._counters.get((path, outcome))
        if counter is None:
            counter = self._counters[path, outcome] = self._create_counter(path, outcome)
        counter.inc()

    def _create_counter(self, path: str, outcome: InvocationOutcome) -> Counter:
        is_known = path in self._functions or len(self._functions) < MAX_FUNCTIONS
        name = path if is_known else "other"
        self._functions.add(name)
        return self._invocations.labels(name, _LABELS[outcome])
