"""A handler.py over HTTP: which events its handlers get, what they are given, and what their outcomes become."""

import re
import signal
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.support import loopback
from tests.support.kit import kit_process, load_text, post, serve_handlers
from tests.support.pytag import RestVcenter, binary
from vcenter_functions.registry import load

EIGHT_LINES = """
from vcenter_functions import Event, on

calls = []

@on("VmPoweredOnEvent")
async def stamp(event: Event) -> None:
    calls.append((event.subject.value, event.data["vm"]["name"], event.user, event.time.year))
"""


def calls(registry: Any) -> list[Any]:
    """What the handlers noted in ``calls``."""
    return list(registry.handlers[0].function.__globals__["calls"])


def test_eight_lines_are_a_function(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(EIGHT_LINES)
    registry = load(tmp_path / "handler.py")
    with serve_handlers(registry) as client:
        answer = post(client)
        assert (answer.status_code, answer.content) == (204, b"")
        assert post(client, type="com.vmware.event.vm.poweredoff", eventname="x", eventancestors="x").status_code == 204
        assert (client.get("/readyz").text, client.get("/_/health").text) == ("ready\n", "ok\n")
    assert calls(registry) == [("vm-15", "web-1", "VSPHERE.LOCAL\\Administrator", 2026)]


OUTCOMES = """
import httpx
calls = []

@on(subject="VirtualMachine:*")
async def act(event: Event) -> None:
    calls.append(event.id)
    secret = "tok" + "en-of-a-session"
    match event.id:
        case "temporary": raise TemporaryError("not yet", delay=7)
        case "usual": raise TemporaryError("not yet")
        case "permanent": raise PermanentError("no such thing")
        case "error": raise ValueError("boom")
        case "late":
            import asyncio
            await asyncio.sleep(10)
"""


def test_each_outcome_has_its_status(tmp_path: Path) -> None:
    with serve_handlers(load_text(tmp_path, OUTCOMES), TIMEOUT="0.3") as client:
        answers = {id_: post(client, id=id_) for id_ in ("done", "temporary", "usual", "permanent", "error", "late")}
        metrics = client.get("/metrics").text
    assert {id_: answer.status_code for id_, answer in answers.items()} == {
        "done": 204, "temporary": 503, "usual": 503, "permanent": 422, "error": 500, "late": 503,
    }  # fmt: skip
    assert answers["done"].content == b""
    assert [answers[each].headers["retry-after"] for each in ("temporary", "usual", "late")] == ["7", "5", "5"]
    assert answers["permanent"].json() == {"error": "no such thing"}
    assert answers["late"].json() == {"error": "the handlers took longer than TIMEOUT=0.3 seconds"}
    assert answers["error"].json() == {"error": "act failed with ValueError; its log has the traceback"}
    for outcome, count in {"done": 1, "temporary": 2, "permanent": 1, "error": 1, "timeout": 1}.items():
        assert f'vcenter_function_calls_total{{handler="act",outcome="{outcome}"}} {count}\n' in metrics
        assert f'vcenter_function_duration_seconds_count{{handler="act",outcome="{outcome}"}} {count}\n' in metrics
    assert 'vcenter_function_failures_total{handler="act",error="ValueError"} 1\n' in metrics
    assert "vcenter_function_events_in_progress 0\n" in metrics


def test_the_log_names_what_failed(tmp_path: Path) -> None:
    with serve_handlers(load_text(tmp_path, OUTCOMES)) as client, capture_logs() as lines:
        post(client, id="error")
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("handler failed", "error"), ("not handled", "error"),
    ]  # fmt: skip
    assert isinstance(lines[0]["exc_info"], ValueError)


def test_the_module_serves_a_file(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(EIGHT_LINES)
    with kit_process(tmp_path / "handler.py") as (running, url):
        assert loopback.post(url, headers=binary(), trust_env=False).status_code == 204
        running.send_signal(signal.SIGTERM)
        assert (running.wait(10), *running.communicate()) == (0, "", "")


def test_an_event_of_another_vcenter_is_refused_and_not_handled(tmp_path: Path, vcenter: RestVcenter) -> None:
    registry = load_text(tmp_path, OUTCOMES)
    with serve_handlers(registry, vcenter.base) as client:
        for source in ("https://other.test/sdk", "https://vcenter.test.evil/sdk"):
            answer = post(client, id="done", source=source)
            assert answer.status_code == 422
            assert re.fullmatch(r"the event is of the vCenter \S+, not of \S+: narrow .*", answer.json()["error"])
        assert calls(registry) == []
        assert post(client, id="done").status_code == 204
        assert client.get("/readyz").text == "ready\n"
    assert calls(registry) == ["done"]
