"""What the pages show is what happens: the whole events, the function, what commands print, a site that asks nobody."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from tests.docs.pages import DOCS, README, ROOT, blocks, page, text
from tests.support.processes import command
from vcenter_functions.testing import Outcome, load, serve_registry
from vcenter_source.core.event import Event
from vcenter_source.events.catalog import find_subject
from vcenter_source.events.codec import to_binary
from vcenter_source.events.conversion import Converter

TRACE = "00-cf271069fe02cceb03ad12818ea60326-d6823fc3513e3cc3-01"


def convert(data: dict[str, Any], traceparent: str | None = None) -> BaseCloudEvent:
    """What the adapter makes of an event of vCenter's with this data."""
    kind, created = data["_typeName"], datetime.fromisoformat(data["createdTime"])
    event = Event(kind, data["key"], created, find_subject(kind, data), data)
    return Converter("https://vcenter.example.com/sdk", "8.0.3.0", vcenter="vcenter.example.com").convert(
        event, traceparent
    )


def attributes(headers: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.startswith("ce-") or key == "content-type"}


def test_the_event_in_the_readme_is_what_the_adapter_sends() -> None:
    (shown,) = map(json.loads, blocks(text(README), "json"))
    headers, body = to_binary(convert(shown["data"]))
    assert json.loads(body) == shown.pop("data")
    assert {f"ce-{key}": value for key, value in shown.items() if key != "datacontenttype"} == {
        key: value for key, value in attributes(headers).items() if key != "content-type"
    }


def test_the_request_in_events_is_what_the_adapter_sends() -> None:
    (request,) = blocks(page("events.md"), "http")
    head, _, body = request.partition("\n\n")
    shown = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    headers, data = to_binary(convert(json.loads(body), TRACE))
    assert shown == attributes(headers)
    assert json.loads(data) == json.loads(body)


async def post(app: Any, headers: dict[str, str], body: bytes) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hello") as client:
        return await client.post("/", content=body, headers=headers)


def test_the_function_prints_an_event_and_answers_204(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = blocks(page("getting-started.md"), "python")
    (event,) = map(json.loads, blocks(text(README), "json"))
    function: dict[str, Any] = {}
    exec(compile(source, "hello.py", "exec"), function)
    headers, body = to_binary(convert(event["data"]))
    answer = asyncio.run(post(function["app"], headers, body))
    assert (answer.status_code, answer.content) == (204, b"")
    assert capsys.readouterr().out == (
        "com.vmware.event.resourcepool.created ResourcePool:resgroup-101 "
        "Created resource pool my-pool in compute-resource Cluster0 in DC0\n"
    )


def test_the_handler_in_the_readme_prints_its_event(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (source,) = blocks(text(README), "python")
    (event,) = map(json.loads, blocks(text(README), "json"))
    (tmp_path / "handler.py").write_text(source)
    with serve_registry(load(tmp_path)) as function:
        assert function.send(event) == Outcome(204)
    assert capfd.readouterr().out == (
        "com.vmware.event.resourcepool.created ResourcePool:resgroup-101 "
        "Created resource pool my-pool in compute-resource Cluster0 in DC0\n"
    )


def test_the_gap_event_in_events_can_be_read() -> None:
    (gap,) = map(json.loads, blocks(page("events.md"), "json"))
    assert set(gap) == {"reason", "after", "before"}


def test_what_trigger_and_types_print_is_what_the_pages_show() -> None:
    """An ellipsis stands for lines that are left out."""
    shown = [*blocks(page("triggers.md"), "console"), *blocks(page("events.md"), "console")]
    ran = 0
    for line, printed in re.findall(r"^\$ vcenter-source (.*)\n((?:[^$].*\n)+)", "".join(shown), re.MULTILINE):
        if line.startswith("lint"):
            continue  # what it prints is of a file that the reader does not have; see tests/commands/test_lint.py
        done = command(*shlex.split(line))
        assert done.returncode == 0, done.stderr
        assert all(part in done.stdout for part in printed.split("…\n")), line
        ran += 1
    assert ran == 2


def test_the_event_of_the_readme_is_read_by_the_sdk() -> None:
    (shown,) = blocks(text(README), "json")
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, shown.encode())
    assert from_http_event(message).get_subject() == "ResourcePool:resgroup-101"


def test_the_site_is_whole_and_asks_nobody_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    result = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")]
    styles = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.css")]
    assert len(pages) > len(list(DOCS.glob("*.md")))
    loads = r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//"
    assert [found for page in pages for found in re.findall(loads, page)] == []
    assert [found for style in styles for found in re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style)] == []
