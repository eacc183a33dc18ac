"""A handler.py over HTTP: which events its handlers get, what they are given, and what their outcomes become."""

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support import loopback
from tests.support.kit import kit_process, load_text, post, serve_handlers
from tests.support.pytag import RestVcenter, binary
from vcenter_functions.errors import HandlerError, SettingsError
from vcenter_functions.kit import find_settings, load_own_settings_of
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


INJECTION = """
from pydantic_settings import BaseSettings
from vcenter_functions.events import VmPoweredOnEvent
calls = []

class Own(BaseSettings):
    slack_url: str

@on(VmPoweredOnEvent, severity=["info", "WARN"])
async def greet(event: VmPoweredOnEvent, vcenter, http, log, settings: Own):
    answer = await http.get(settings.slack_url + "/api/session")
    calls.append((event.vm.name, type(vcenter).__name__, answer.status_code, settings.slack_url))
    log.info("greeted", vm=event.vm.name)

@on("com.vmware.event.vm.*", subject="VirtualMachine:*", once=True)
def in_a_thread(event, http):
    import threading
    calls.append((threading.current_thread() is threading.main_thread(), type(http).__mro__[1].__name__))

@on(severity="ERROR")
async def never(event): calls.append("never")
"""


def test_handlers_get_what_their_parameters_name(
    tmp_path: Path, vcenter: RestVcenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_URL", vcenter.base)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    registry = load_text(tmp_path, INJECTION)
    with serve_handlers(registry, vcenter.base) as client, capture_logs() as lines:
        assert post(client).status_code == 204
    assert calls(registry) == [("web-1", "VCenter", 401, vcenter.base), (False, "Client")]
    assert [(line["event"], line["handler"], line["vm"]) for line in lines] == [("greeted", "greet", "web-1")]


def test_a_wrong_setting_of_a_handler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_URL", raising=False)
    registry = load_text(tmp_path, INJECTION)
    with pytest.raises(SettingsError, match=r"^SLACK_URL: not set$"):
        load_own_settings_of(registry)
    with pytest.raises(SettingsError, match=r"^VCENTER_URL: not set; set it to vCenter's host name"):
        find_settings(registry, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@on('VmPowerdOnEvent')\ndef f(event): ...", "handler.py:2: vCenter has no event type 'VmPowerdOnEvent'; "),
        ("@on('VmPowerdOnEvent')\ndef f(event): ...", "'VmPowerdOnEvent'; did you mean VmPoweredOnEvent?"),
        ("@on('vm.powered.on')\ndef f(event): ...", "did you mean com.vmware.event.vm.poweredon?"),
        ("@on('com.vmware.event.vm.powered*n?')\ndef f(event): ...", "no event type matches"),
        ("@on('com.vmware.event.vm.powerdon')\ndef f(event): ...", "did you mean com.vmware.event.vm.poweredon?"),
        ("@on(severity='bad')\ndef f(event): ...", "there is no severity 'bad'; use INFO, WARN or ERROR"),
        ("@on()\ndef f(event, vm): ...", "f() asks for 'vm'; a handler can be given event, vcenter, "),
        ("@on()\ndef f(vcenter): ...", "f() is a def, which cannot await what vcenter does; make it an async def"),
        ("@on()\ndef f(settings): ...", "f() asks for settings without their class"),
        ("@on()\ndef f(event: int): ...", "f() asks for an event of type"),
        ("def f(event): ...", "handler.py: no function in it has the decorator @on"),
        ("import nothing_of_that_name", "handler.py:2: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def f(:", "handler.py:2: SyntaxError"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_work_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HandlerError) as caught:
        load_text(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "type_",
    [
        *("VmEvent", "EventEx", "esx.problem.net.connectivity.lost", "com.vmware.event.ex.any.id", "*", "Vm*"),
        *("com.vmware.vsphere.VmPoweredOnEvent.v0", "com.vmware.event.*", "com.vmware.event.adapter.gap"),
        *("com.example.order.placed", "com.vmware.event.unknown.new"),
        *("com.vmware.vc.HA.DasHostFailedEvent", "com.vmware.vc.ha.*", "com.vmware.wcp.any.id"),
    ],
)
def test_types_that_can_exist_are_not_refused(tmp_path: Path, type_: str) -> None:
    assert load_text(tmp_path, f"@on({type_!r})\ndef f(event): ...").handlers


ONCE = """
import time
calls = []

@on(once=True)
def slow(event):
    calls.append(event.id)
    time.sleep(0.2)
    if event.id == "fails" and calls.count("fails") == 1:
        raise TemporaryError("not yet")

@on()
def each_time(event): ...
"""


def test_a_repeated_delivery_is_acknowledged_and_not_handled_again(tmp_path: Path) -> None:
    registry = load_text(tmp_path, ONCE)
    with serve_handlers(registry) as client, ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: post(client, id="a").status_code, range(8)))
        other = [
            post(client, id="a", **more).status_code for more in ({"time": "2026-02-01T00:00:00Z"}, {"source": "s"}, {})
        ]
        failing = list(senders.map(lambda _: post(client, id="fails").status_code, range(3)))
        metrics = client.get("/metrics").text
    assert (answers, other, sorted(failing)) == ([204] * 8, [204] * 3, [204, 204, 503])
    assert calls(registry) == ["a", "a", "a", "fails", "fails"]
    assert 'calls_total{handler="slow",outcome="repeated"} 9\n' in metrics
    assert 'calls_total{handler="each_time",outcome="done"} 14\n' in metrics


@pytest.mark.parametrize("base", ["FunctionSettings", "ServerSettings"])
def test_a_handlers_settings_may_be_the_servers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    account = {"VCENTER_URL": "https://vcenter.test", "VCENTER_USERNAME": "a", "VCENTER_PASSWORD": "b"}
    for name, value in {**account, "TIMEOUT": "7"}.items():
        monkeypatch.setenv(name, value)
    module = "settings" if base == "FunctionSettings" else "server_settings"
    text = f"""
    from vcenter_functions.{module} import {base}
    class Own({base}): note: str = "usual"
    @on()
    async def act(settings: Own): ...
    """
    registry = load_text(tmp_path, text)
    settings = find_settings(registry, load_own_settings_of(registry).values())
    assert (type(settings).__name__, settings.timeout) == ("Own", 7)


def test_the_public_names_are_imported_when_they_are_used() -> None:
    code = (
        "import sys, vcenter_functions as kit, vcenter_functions.net.tls\n"
        "assert not {'httpx', 'starlette', 'pydantic_settings', 'cloudevents'} & set(sys.modules)\n"
        "assert all(getattr(kit, name).__doc__ for name in kit.__all__)\n"
        "assert 'pyVmomi' not in sys.modules\n"
        "from vcenter_functions import *\n"
        "from vcenter_functions import kit\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_handlers_of_one_name_remember_for_themselves(tmp_path: Path) -> None:
    text = "calls = []\n" + "".join(f"@on(once=True)\ndef _(event): calls.append({n})\n" for n in range(2))
    registry = load_text(tmp_path, text)
    with serve_handlers(registry) as client:
        assert [post(client).status_code for _ in range(2)] == [204, 204]
    assert calls(registry) == [0, 1]


LIMITED = """
import threading, time
calls = []
running = []
lock = threading.Lock()

@on()
def slow(event):
    with lock: running.append(1)
    calls.append(len(running))
    time.sleep(0.1 if event.id != "stuck" else 1.0)
    with lock: running.pop()
"""


def test_no_more_events_than_max_concurrency_are_handled_at_a_time(tmp_path: Path) -> None:
    registry = load_text(tmp_path, LIMITED)
    with serve_handlers(registry, MAX_CONCURRENCY="3") as client, ThreadPoolExecutor(12) as senders:
        assert list(senders.map(lambda n: post(client, id=str(n)).status_code, range(12))) == [204] * 12
    assert max(calls(registry)) == 3


def test_a_thread_that_goes_on_after_its_time_keeps_its_place(tmp_path: Path) -> None:
    registry = load_text(tmp_path, LIMITED)
    with serve_handlers(registry, MAX_CONCURRENCY="1", TIMEOUT="0.3") as client:
        assert [post(client, id=each).status_code for each in ("stuck", "a")] == [503, 503]
        time.sleep(0.6)
        assert post(client, id="a").status_code == 204
        assert "events_in_progress 0\n" in client.get("/metrics").text
    assert calls(registry) == [1, 1]
