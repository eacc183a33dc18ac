"""What is counted of functions and events; served by the shim, or beside the adapter's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from vcenter_source.sinks.openfaas.topic_poller import TopicMapReader

MAX_FUNCTIONS = 300
"""Functions that are counted by name; those seen after these count as ``other``."""


class Counts:
    """Prometheus' counters and gauges of the OpenFaaS sink."""

    def __init__(self, registry: CollectorRegistry, reader: TopicMapReader) -> None:
        self._names: set[str] = set()
        self._found: dict[tuple[str, str], Counter] = {}
        self._invocations = Counter(
            "openfaas_invocations",
            "Invocations by outcome: taken, again, failed (the function itself), unknown (no such function), refused.",
            ("function", "outcome"),
            namespace="vcenter_source",
            registry=registry,
        )
        self.unwanted = Counter(
            "openfaas_events_unwanted",
            "Events that no function has a topic for.",
            namespace="vcenter_source",
            registry=registry,
        )
        functions = Gauge(
            "openfaas_functions", "Functions in the topic map.", namespace="vcenter_source", registry=registry
        )
        functions.set_function(lambda: len(reader.last.functions) if reader.last else 0)
        age = Gauge(
            "openfaas_topic_map_age_seconds",
            "Since the functions were last read; NaN before the first time.",
            namespace="vcenter_source",
            registry=registry,
        )
        age.set_function(lambda: float("nan") if reader.contact.age is None else reader.contact.age)

    def invoked(self, path: str, outcome: str) -> None:
        """An invocation has come to this."""
        found = self._found.get((path, outcome))
        if found is None:
            if path not in self._names and len(self._names) >= MAX_FUNCTIONS:
                path = "other"
            self._names.add(path)
            found = self._found[path, outcome] = self._invocations.labels(path, outcome)
        found.inc()
