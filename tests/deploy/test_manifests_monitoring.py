"""config/monitoring: every metric it uses is one that the source serves, with the labels that it is asked by."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.manifest_files import container, labels, the
from vcenter_source.observe.metrics import Metrics
from vcenter_source.observe.status import PipelineStatus

RULES: list[dict[str, Any]] = [
    rule for group in the("PrometheusRule", folder="monitoring").spec["groups"] for rule in group["rules"]
]
(DASHBOARD,) = (
    json.loads(text) for text in the("ConfigMap", folder="monitoring").document["data"].values()
)  # fails where it is not JSON
PANELS = [(target["expr"], target["legendFormat"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
# What Prometheus and the Operator add to each series themselves.
ADDED = {"namespace", "pod"}


def served() -> dict[str, set[str]]:
    """The names on /metrics and the labels of each, from the registry that /metrics shows."""
    metrics = Metrics()
    metrics.add_roster(lambda: "")
    metrics.add_vcenter("vc", PipelineStatus()).on_read(
        "com.vmware.event.vm.poweredon"
    )  # so that the counters by type have a sample
    return {sample.name: set(sample.labels) for family in metrics.registry.collect() for sample in family.samples}


SERVED = served()


def names(expression: str) -> set[str]:
    return set(re.findall(r"vcenter_source_\w+", expression))


def test_nothing_is_asked_of_a_metric_that_is_not_served() -> None:
    used = set().union(*(names(rule["expr"]) for rule in RULES), *(names(expr) for expr, _ in PANELS))
    assert used - set(SERVED) == set()
    assert {name for name in SERVED if not re.search(r"_(bucket|sum|count)$", name)} <= used  # and each is of use


@pytest.mark.parametrize(("expression", "legend"), PANELS, ids=[legend for _, legend in PANELS])
def test_a_panel_groups_by_labels_that_there_are(expression: str, legend: str) -> None:
    known = set().union(*(SERVED[name] for name in names(expression)))
    asked = re.findall(r"by \(([^)]*)\)", expression) + re.findall(r"{(\w+)[=~!]", expression)
    asked += re.findall(r"{{(\w+)}}", legend)
    assert {label.strip() for each in asked for label in each.split(",")} <= known | ADDED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"VcenterSource[A-Z]\w+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    shown = " ".join(rule["annotations"].values())
    if "$labels.pod" in shown:  # an aggregation has lost it
        assert not re.search(r"\b(sum|absent)\(", rule["expr"])
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_there_is_an_alert_for_what_must_not_go_unnoticed() -> None:
    watched = set().union(*(names(rule["expr"]) for rule in RULES))
    prefix = "vcenter_source_"
    assert {prefix + name for name in ("lag_seconds", "events_dead_lettered_total", "events_read_total")} <= watched
    assert {prefix + name for name in ("oldest_in_flight_seconds", "read_age_seconds")} <= watched


HELD = re.compile(r"max_over_time\(vcenter_source_oldest_in_flight_seconds\[(\d+)m\]\) > (\d+)")
MINUTE = 60
SCRAPED = 15
"""Seconds between two scrapes."""


def fires(waits: Callable[[int], float]) -> bool:
    """Whether EventsHeld does, where at a second events have waited for so long, as Prometheus reckons it."""
    (rule,) = (rule for rule in RULES if rule["alert"].endswith("EventsHeld"))
    found = HELD.fullmatch(rule["expr"])
    assert found is not None
    span, limit, lasts = int(found[1]) * MINUTE, float(found[2]), int(rule["for"].removesuffix("m")) * MINUTE
    pending = 0
    for now in range(0, 20 * MINUTE, SCRAPED):
        over = max(waits(moment) for moment in range(max(0, now - span + SCRAPED), now + 1, SCRAPED)) > limit
        pending = pending + SCRAPED if over else 0
        if pending > lasts:
            return True
    return False


def stall(retried: float, begun: float) -> Callable[[int], float]:
    """Events that wait for all tries of one that ends in vain, and then the next."""
    return lambda moment: (moment + begun) % retried


@pytest.mark.parametrize("retried", [31.5, 31.5 + 7 * 5, 127.5, 10_000])
def test_events_that_wait_again_and_again_raise_the_alarm(retried: float) -> None:
    """As with a subscriber that was left behind; each event goes on after its tries, so none waits for long."""
    assert all(fires(stall(retried, begun)) for begun in range(0, 150, 7))


@pytest.mark.parametrize("waits", [lambda _: 5.0, lambda now: now - 300 if 300 <= now <= 360 else 0.0])
def test_what_passes_by_itself_does_not(waits: Callable[[int], float]) -> None:
    """A subscriber that takes its time, and one that was away for a minute."""
    assert not fires(waits)


def test_what_is_scraped_is_the_source_on_its_port() -> None:
    spec = the("PodMonitor", folder="monitoring").spec
    (endpoint,) = spec["podMetricsEndpoints"]
    for source in (the("ContainerSource"), the("Deployment", folder="knative-ha")):
        assert spec["selector"]["matchLabels"].items() <= labels(source).items()
        assert endpoint["port"] in {port["name"] for port in container(source)["ports"]}
    assert endpoint["path"] == "/metrics"


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
