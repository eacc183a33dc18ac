"""config/monitoring: every metric it uses is one that the source serves, with the labels that it is asked by."""

import json
import re
from typing import Any

import pytest

from adapter.metrics import Meters
from tests.manifest_files import container, labels, the

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
    meters = Meters()
    meters.read("com.vmware.event.vm.poweredon")  # so that the counters by type have a sample
    return {sample.name: set(sample.labels) for family in meters.registry.collect() for sample in family.samples}


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
    assert set(rule["annotations"]) == {"summary", "description"}
    shown = " ".join(rule["annotations"].values())
    if "$labels.pod" in shown:  # an aggregation has lost it
        assert not re.search(r"\b(sum|absent)\(", rule["expr"])
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_there_is_an_alert_for_what_must_not_go_unnoticed() -> None:
    watched = set().union(*(names(rule["expr"]) for rule in RULES))
    prefix = "vcenter_source_"
    assert {prefix + name for name in ("lag_seconds", "events_dead_lettered_total", "events_read_total")} <= watched
    assert {prefix + name for name in ("oldest_in_flight_seconds", "read_age_seconds")} <= watched


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
