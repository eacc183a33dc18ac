"""docs/sizing.md and the README: their figures are those of the last make bench."""

import re

from tests.docs.pages import README, ROOT, page, rows, section, text
from tests.support.manifest_files import container, the

RESULTS = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
SENDERS = ("adapter", "VSphereSource", "event router")


def test_each_figure_is_one_of_the_benchs_results() -> None:
    measured = section(page("sizing.md"), "## Measured")
    figures = [match for row in rows(measured) for match in re.findall(r"^[\d,.]+", row[1])]
    figures += re.findall(
        r"drains ([\d,.]+) events/s with a sink that answers after 5 ms, and the event router ([\d,.]+)", measured
    )[0]
    assert len(figures) > 10
    shown = set(re.findall(r"[\d][\d,.]*\d|\d", RESULTS))
    assert [figure for figure in figures if figure not in shown] == []


def test_the_readme_compares_with_the_same_results() -> None:
    compared = rows(section(text(README), "## Compared with its predecessors"))
    speed, delay = (cells[1:4] for cells in compared if cells[0].startswith(("events a second", "delay of a single")))
    drained = [re.findall(rf"\| {sender} \| 0 ms \| ([\d,]+) ", RESULTS) for sender in SENDERS]
    by_json = re.findall(r"\| adapter, VI/JSON \| 0 ms \| ([\d,]+) ", RESULTS)
    assert [[each.partition(";")[0]] for each in speed] == drained
    assert re.findall(r"([\d,]+) by VI/JSON", speed[0]) == by_json
    delays = [re.findall(rf"\| one in ten seconds \| {sender} \| \S+ \| (\S+) \|", RESULTS) for sender in SENDERS]
    assert [[each.removesuffix(" ms")] for each in delay] == delays


def test_the_manifests_give_what_the_page_says() -> None:
    text = page("sizing.md")
    for kind, folder in (("ContainerSource", "knative"), ("Deployment", "openfaas")):
        name = "vcenter-source" if kind == "ContainerSource" else "vcenter-source-openfaas"
        resources = container(the(kind, name, folder=folder))["resources"]
        assert resources["requests"] == {"cpu": "100m", "memory": "128Mi"}
        assert resources["limits"] == {"cpu": "1", "memory": "384Mi"}
    assert "request 100m CPU and 128 MiB, and limit the adapter to 1 CPU and 384 MiB" in text
