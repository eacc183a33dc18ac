"""``vcenter-source function run``: events reach the handlers, and what became of them is printed."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import loopback
from tests.support.processes import command, process
from tests.support.simulator_control import LOGIN, post_events, read_state
from tests.support.terminal import Terminal
from tests.support.waiting import eventually
from vcenter_functions.otel.waterfall import Span
from vcenter_functions.samples import sample
from vcenter_simulator.server import Simulator
from vcenter_source.commands.function.attempts import SENT_SECONDS, Attempts, print_attempt
from vcenter_source.commands.function.run import RunRequest, list_simulator_arguments, run_function
from vcenter_source.core.errors import ConfigurationError

HANDLER = """
from vcenter_functions import Event, on

@on("VmEvent")
async def greet(event: Event) -> None:
    print("hello", event.subject, flush=True)
"""


@contextmanager
def running(*arguments: str, **settings: str) -> Iterator[tuple[Terminal, int, Callable[[], int]]]:
    """The command, its process id, and how to wait for its end."""
    with process("vcenter_source", "function", "run", *arguments, **settings) as started:
        assert started.stdout is not None
        try:
            yield Terminal(started.stdout.readline), started.pid, lambda: started.wait(30)
        finally:
            started.terminate()  # it ends the processes that it has started, which a SIGKILL would leave behind
            started.wait(30)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_events_of_a_simulated_vcenter_are_shown_with_their_traces(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(HANDLER)
    with running(str(tmp_path), "--simulate", "--rate", "10", "--port", "0") as (terminal, pid, wait):
        terminal.wait_for("govc vm.power -on web-1")
        terminal.wait_for("export GOVC_URL=http://127.0.0.1:")
        terminal.wait_for("hello VirtualMachine:vm-")
        assert "  204  com.vmware.event." in terminal.wait_for("  greet")
        assert "vcenter-source" in terminal.wait_for("CloudEvents Create")
        terminal.wait_for("─ greet")
        terminal.wait_for("no handler")
        started = children(pid)
        assert len(started) == 3
        os.kill(pid, signal.SIGINT)
        assert wait() == 0
        assert [child for child in started if Path(f"/proc/{child}").exists()] == []


def test_a_password_may_begin_like_an_option() -> None:
    account = {"USERNAME": "somebody", "PASSWORD": "-s3 cret"}
    with process(*list_simulator_arguments(1.0, account)) as started:
        assert started.stdout is not None
        Terminal(started.stdout.readline).wait_for("VCENTER_PASSWORD='-s3 cret'")


@pytest.mark.guarantees
def test_events_of_ones_own_vcenter_reach_it_too(tmp_path: Path, simulator: Simulator) -> None:
    (tmp_path / "handler.py").write_text(HANDLER)
    with running(str(tmp_path), "--vcenter", "--port", "0", VCENTER_URL=simulator.url, **LOGIN) as (terminal, _, _):
        terminal.wait_for("function ready: ")
        eventually(lambda: read_state(simulator)["collectors"], lambda: terminal.lines)
        post_events(simulator, 20)
        assert "  204  com.vmware.event." in terminal.wait_for("  greet")


def test_a_change_takes_effect_and_a_mistake_is_waited_out(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text(HANDLER)
    with running(str(file), "--port", "0") as (terminal, pid, wait), loopback.Client(trust_env=False) as client:
        url = terminal.wait_for("function ready: ").rpartition(" ")[2]
        assert terminal.wait_for("vcenter-source send - --to").endswith(url)
        assert send(client, url) == 204
        assert terminal.wait_for("  done  com.vmware.event.vm.poweredon").endswith("VirtualMachine:vm-15  greet")
        file.write_text("def wrong(:\n")
        terminal.wait_for("handler.py:1")
        file.write_text(HANDLER.replace('print("hello"', 'raise ValueError("oh"'))
        eventually(lambda: send_anyway(client, url) == 500, lambda: terminal.lines)
        terminal.wait_for("  failed  com.vmware.event.vm.poweredon")
        os.kill(pid, signal.SIGTERM)
        assert wait() == 0


def send(client: httpx.Client, url: str) -> int:
    headers = {"content-type": "application/cloudevents+json"}
    return client.post(url, json=sample("VmPoweredOnEvent"), headers=headers).status_code


def send_anyway(client: httpx.Client, url: str) -> int:
    try:
        return send(client, url)
    except httpx.TransportError:
        return 0


def test_a_first_start_that_fails_ends_it(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("import nowhere\n")
    with running(str(tmp_path), "--port", "0") as (terminal, _, wait):
        assert wait() == 1
        terminal.wait_for("handler.py:1: ModuleNotFoundError")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"simulate": True, "vcenter": True}, "--simulate and --vcenter exclude each other"),
        ({"vcenter": True}, "VCENTER_URL is not set"),
        ({}, "there is no such file"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool], reason: str
) -> None:
    monkeypatch.delenv("VCENTER_URL", raising=False)
    with pytest.raises(ConfigurationError, match=reason):
        run_function(RunRequest(str(tmp_path / "handler.py"), **options))


def test_the_command_gives_the_reason_in_one_line(tmp_path: Path) -> None:
    done = command("function", "run", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def span(name: str, span_id: str, parent_id: str = "", *, failed: bool = False, **attributes: Any) -> Span:
    given = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span("t", span_id, parent_id, name, "process", 1_000_000 * int(span_id), 1_000_000 * 9, failed, given)


def printed(attempts: Attempts) -> str:
    out = io.StringIO()
    for attempt in attempts.pop():
        print_attempt(attempt, out, 100)
    return out.getvalue()


EVENT: dict[str, Any] = {"cloudevents__event_type": "com.example", "cloudevents__event_subject": "VirtualMachine:vm-1"}


def test_an_attempt_waits_for_its_request_and_then_for_a_second_at_most() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    attempts.add([span("CloudEvents Process com.example", "3", "2", **EVENT)])
    assert printed(attempts) == ""
    now = SENT_SECONDS
    assert "done  com.example  VirtualMachine:vm-1  no handler" in printed(attempts)
    assert printed(attempts) == ""


def test_each_attempt_is_shown_with_its_own_spans() -> None:
    attempts = Attempts()
    attempts.add([span("CloudEvents Process com.example", "3", "2", failed=True, **EVENT)])
    attempts.add([span("act", "4", "3", failed=True, code__function__name="act")])
    attempts.add([span("POST", "2", "1", failed=True, http__response__status_code=503)])
    first = printed(attempts)
    assert "503  com.example  VirtualMachine:vm-1  act" in first
    attempts.add([span("CloudEvents Process com.example", "6", "5", **EVENT)])
    attempts.add([span("act", "7", "6", code__function__name="act")])
    attempts.add([span("POST", "5", "1", http__response__status_code=204), span("CloudEvents Create", "1")])
    second = printed(attempts).splitlines()
    assert "204  com.example  VirtualMachine:vm-1  act" in second[0]
    assert len(second) == 5
