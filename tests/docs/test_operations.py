"""docs/operations.md: the messages, alerts and metrics that it explains are those of the code, and none is left out."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

from tests.docs.pages import DOCS, ROOT, anchors, page, rows, section
from tests.support.manifest_files import the
from vcenter_source.core.logs import DESCRIBED, JSON
from vcenter_source.observe.metrics import Metrics

REPOSITORY = "https://github.com/vcenter-source/vcenter-source"
TEXT = page("operations.md")
SOURCES = [file for folder in ("adapter", "functions") for file in sorted((ROOT / folder).rglob("*.py"))]
DOCTOR = ROOT / "adapter" / "vcenter_source" / "commands" / "doctor"
LOGGED = {"warning", "error"}
UNEXPLAINED = {
    "request failed",  # an unforeseen failure of ours, with its traceback
}
"""Messages that no operator can do anything about."""


def template(node: ast.AST) -> str:
    """A string as it is written, with … for each value; empty for what is no string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) or "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return template(node.left) + template(node.right)
    return ""


def strings(file: Path) -> Iterator[str]:
    return filter(None, map(template, ast.walk(ast.parse(file.read_text(encoding="utf-8")))))


def logged(file: Path) -> Iterator[str]:
    """What a file logs as a warning or an error, where the text stands in the call."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOGGED:
            receiver = node.func.value
            if isinstance(receiver, ast.Name) and receiver.id.strip("_") in {"log", "logger"} and node.args:
                yield template(node.args[0])


@cache
def written() -> list[str]:
    """Every text in the code."""
    return [text for file in SOURCES for text in strings(file)]


EXPLAINED = [
    message
    for row in rows(section(TEXT, "## Troubleshooting by message"))
    for message in re.findall(r"`([^`]+)`", row[0])
]


@pytest.mark.parametrize("message", EXPLAINED)
def test_a_message_that_the_page_explains_is_in_the_code(message: str) -> None:
    for piece in filter(None, (piece.strip(" ;:()") for piece in message.split("…"))):
        assert any(piece in text for text in written()), piece


def test_each_warning_and_error_is_explained() -> None:
    messages = {text for file in SOURCES for text in logged(file)} - {""} - UNEXPLAINED
    assert len(messages) > 30
    assert [text for text in sorted(messages) if not any(each in text for each in EXPLAINED)] == []


def test_the_checks_of_the_doctor_are_those_of_the_code() -> None:
    """Those of the two ways are written as f"{area} dns"."""
    named = [name for row in rows(section(TEXT, "## Doctor")) for name in re.findall(r"`([a-z ]+)`", row[0])]
    known = {text for file in DOCTOR.glob("*.py") for text in strings(file)}
    assert len(named) > 12
    assert [name for name in named if not {name, f"… {name.partition(' ')[2]}"} & known] == []


def test_each_alert_is_explained_and_each_that_is_explained_exists() -> None:
    groups = the("PrometheusRule", folder="monitoring").spec["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]
    assert re.findall(r"^## (.+)$", page("runbooks.md"), re.MULTILINE) == alerts


@pytest.mark.parametrize(
    "rule", [r for g in the("PrometheusRule", folder="monitoring").spec["groups"] for r in g["rules"]]
)
def test_the_url_of_an_alert_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    url, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert url == f"{REPOSITORY}/blob/main/docs/runbooks.md"
    assert anchor in anchors(DOCS / "runbooks.md")
    told = section(page("runbooks.md"), f"## {rule['alert']}")
    assert anchor == rule["alert"].lower()
    assert re.findall(r"^- \*\*(\w+)\*\*: \S", told, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def test_the_diagnosis_leaves_out_what_is_logged_at_info() -> None:
    (left_out,) = re.findall(r"grep -v '(.+)'", page("runbooks.md"))
    log = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[*DESCRIBED, *JSON], wrapper_class=structlog.BoundLogger
    )
    assert left_out in log.info("delivering events", event_id="4711")
    assert left_out not in log.warning("events are missing", event_id="4711")


def test_each_metric_is_listed_and_each_that_is_listed_exists() -> None:
    named = {name for row in rows(section(TEXT, "## Metrics")) for name in re.findall(r"`(\w+)`", row[0])}
    metrics = Metrics()
    metrics.add_roster(lambda: "")
    known = {each.removeprefix("vcenter_source_") for each in names(metrics)}
    assert named == known


def names(metrics: Metrics) -> Iterator[str]:
    """The metrics' names as Prometheus shows them."""
    for metric in metrics.registry.collect():
        yield f"{metric.name}_total" if metric.type == "counter" else metric.name


def test_the_alerts_name_a_chapter_of_this_page() -> None:
    told = yaml.safe_dump(dict(the("PrometheusRule", folder="monitoring").document), width=10_000)
    for chapter in re.findall(r'"([^"]+)" in docs/operations\.md', told):
        assert f"## {chapter}\n" in TEXT
