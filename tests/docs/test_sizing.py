"""docs/sizing.md: its figures are those of the last make bench."""

import re

from tests.docs.pages import ROOT, page, rows, section
from tests.support.manifest_files import container, the


def test_each_figure_is_one_of_the_benchs_results() -> None:
    measured = section(page("sizing.md"), "## Measured")
    figures = [match for row in rows(measured) for match in re.findall(r"^[\d,.]+", row[1])]
    figures += re.findall(
        r"drains ([\d,.]+) events/s with a sink that answers after 5 ms, and the event router ([\d,.]+)", measured
    )[0]
    assert len(figures) > 10
    results = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"[\d][\d,.]*\d|\d", results))
    assert [figure for figure in figures if figure not in shown] == []


def test_the_manifests_give_what_the_page_says() -> None:
    text = page("sizing.md")
    for kind, folder in (("ContainerSource", "knative"), ("Deployment", "openfaas")):
        name = "vcenter-source" if kind == "ContainerSource" else "vcenter-source-openfaas"
        resources = container(the(kind, name, folder=folder))["resources"]
        assert resources["requests"] == {"cpu": "100m", "memory": "128Mi"}
        assert resources["limits"] == {"cpu": "1", "memory": "384Mi"}
    assert "request 100m CPU and 128 MiB, and limit the adapter to 1 CPU and 384 MiB" in text
