"""What a handler.py promises to whoever runs it: in each format and mode, through signals and kills, in one trace."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id

from tests.support import loopback
from tests.support.fork_server import Forked
from tests.support.kit import kit_process, load_text, post, serve_handlers, structured
from tests.support.pytag import RestVcenter
from vcenter_functions.cloudevent import read_event
from vcenter_functions.tracing import Tracing
from vcenter_source.events.veba import veba_data
from vcenter_source.sinks.openfaas.body import to_connector_body, to_router_event

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

GREET = """
from vcenter_functions.events import VmPoweredOnEvent
calls = []

@on(VmPoweredOnEvent)
async def greet(event: VmPoweredOnEvent) -> None:
    calls.append((event.type, event.source, str(event.subject), event.time.isoformat(), event.vm.name, event.user))
"""
GREETED = (
    "com.vmware.event.vm.poweredon",
    "https://vcenter.test/sdk",
    "VirtualMachine:vm-15",
    "2026-01-31T08:00:00+00:00",
    "web-1",
    "VSPHERE.LOCAL\\Administrator",
)
VEBA = {"type": "com.vmware.vsphere.VmPoweredOnEvent.v0", "subject": "VirtualMachine:vm-15"}
BROKER = {**VEBA, "subject": "VmPoweredOnEvent", "eventclass": None, "eventname": None, "eventancestors": None}


def binary_mode(event: dict[str, Any]) -> dict[str, Any]:
    headers = {f"ce-{name}": value for name, value in event.items() if name not in {"data", "datacontenttype"}}
    return {"headers": headers | {"content-type": "application/json"}, "content": orjson.dumps(event["data"])}


def structured_mode(event: dict[str, Any]) -> dict[str, Any]:
    return {"headers": {"content-type": "application/cloudevents+json"}, "content": orjson.dumps(event)}


def list_requests() -> Iterator[Any]:
    """The same event in each format and mode."""
    ours = structured()
    pascal = veba_data(ours["data"])
    source: Any = read_event({"content-type": "application/cloudevents+json"}, orjson.dumps(ours))
    router = to_router_event(source)
    formats = {
        "ours": ours,
        "veba": structured(**VEBA, data=pascal),
        "event broker": structured(**BROKER, data=pascal),
        "router": structured(**BROKER | {"type": router.get_type()}, data=router.get_data()),
    }
    for name, event in formats.items():
        yield pytest.param(binary_mode(event), id=f"{name}, binary")
        yield pytest.param(structured_mode(event), id=f"{name}, structured")
    flat = orjson.dumps(to_connector_body(source, ""))
    for content_type in ({}, {"content-type": "application/json"}):
        yield pytest.param({"headers": content_type, "content": flat}, id=f"connector {content_type}")


@pytest.mark.parametrize("request_", list(list_requests()))
def test_a_handler_gets_the_same_event_from_each_format(tmp_path: Path, request_: dict[str, Any]) -> None:
    registry = load_text(tmp_path, GREET)
    with serve_handlers(registry) as client:
        assert client.post("/any/path", **request_).status_code == 204
    assert registry.handlers[0].function.__globals__["calls"] == [GREETED]


def test_the_trace_joins_at_the_handler_and_goes_on_with_its_requests(tmp_path: Path, vcenter: RestVcenter) -> None:
    text = """
    @on(once=True)
    async def act(event, http):
        await http.get("VCENTER/api/session?token=secret")
        if event.id == "boom":
            raise ValueError("boom")
    """
    exporter, seen = InMemorySpanExporter(), list[str]()
    vcenter.hook = lambda request: seen.append(request.headers.get("traceparent", ""))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    registry = load_text(tmp_path, text.replace("VCENTER", vcenter.base))
    with serve_handlers(registry, tracing=Tracing("act", provider)) as client:
        for id_ in ("1", "1", "boom"):
            post(client, id=id_, traceparent=PARENT)
    spans = exporter.get_finished_spans()
    assert {format_trace_id(span.context.trace_id) for span in spans} == {TRACE}
    assert [describe(span) for span in spans] == [
        ("GET", SpanKind.CLIENT, StatusCode.ERROR),
        ("act", SpanKind.INTERNAL, StatusCode.UNSET),
        ("CloudEvents Process com.vmware.event.vm.poweredon", SpanKind.CONSUMER, StatusCode.UNSET),
        ("act", SpanKind.INTERNAL, StatusCode.UNSET),
        ("CloudEvents Process com.vmware.event.vm.poweredon", SpanKind.CONSUMER, StatusCode.UNSET),
        ("GET", SpanKind.CLIENT, StatusCode.ERROR),
        ("act", SpanKind.INTERNAL, StatusCode.ERROR),
        ("CloudEvents Process com.vmware.event.vm.poweredon", SpanKind.CONSUMER, StatusCode.ERROR),
    ]
    assert seen == [f"00-{TRACE}-{spans[n].context.span_id:016x}-01" for n in (0, 5)]
    assert spans[3].attributes is not None
    assert spans[3].attributes["vcenter_function.repeated"] is True
    (failure,) = spans[6].events
    assert failure.attributes is not None
    assert "ValueError: boom" in str(failure.attributes["exception.stacktrace"])
    assert "secret" not in str([span.to_json() for span in (spans[0], spans[5])])


def describe(span: ReadableSpan) -> tuple[str, SpanKind, StatusCode]:
    return span.name, span.kind, span.status.status_code


ODD = """
import asyncio, sys

async def later(): ...

@on(subject="VirtualMachine:exit")
async def exits(event): sys.exit("enough")

@on(subject="VirtualMachine:thread")
def exits_in_a_thread(event): sys.exit("enough")

@on(subject="VirtualMachine:cancel")
async def cancels_itself(event): raise asyncio.CancelledError

@on(subject="VirtualMachine:coroutine")
def forgets_to_await(event): return later()
"""


@pytest.mark.parametrize("what", ["exit", "thread", "cancel", "coroutine"])
def test_what_a_handler_does_ends_neither_the_process_nor_silently(tmp_path: Path, what: str) -> None:
    with serve_handlers(load_text(tmp_path, ODD), MAX_CONCURRENCY="1", TIMEOUT="5") as client:
        for _ in range(2):
            assert post(client, subject=f"VirtualMachine:{what}").status_code == 500
        assert client.get("/healthz").status_code == 200
        assert "events_in_progress 0\n" in client.get("/metrics").text


SLOW = """
import pathlib, time
NOTES = pathlib.Path(__file__).with_name("notes")

@on(once=True)
def slow(event):
    token = "token-of-" + "a-session"
    with NOTES.open("a") as notes:
        print("begin", event.id, file=notes, flush=True)
        time.sleep(0.7 if event.id != "quick" else 0)
        print("end", event.id, file=notes, flush=True)
    if event.id == "fail":
        raise RuntimeError("boom")
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    file = tmp_path / "handler.py"
    file.write_text(f"from vcenter_functions import *\n{SLOW}")
    return file


def notes(file: Path) -> list[str]:
    path = file.with_name("notes")
    return path.read_text().splitlines() if path.exists() else []


def send(url: str, id_: str) -> int:
    """The status of the answer, 0 without one."""
    try:
        return loopback.post(url, **structured_mode(structured(id=id_)), trust_env=False, timeout=20).status_code
    except httpx.TransportError:
        return 0


def wait_for(file: Path, line: str) -> None:
    deadline = time.monotonic() + 10
    while line not in notes(file):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sigterm_in_the_middle_finishes_the_event_first(slow: Path) -> None:
    with kit_process(slow) as (running, url), ThreadPoolExecutor(1) as senders:
        answer = senders.submit(send, url, "1")
        wait_for(slow, "begin 1")
        running.send_signal(signal.SIGTERM)
        assert (answer.result(), running.wait(10)) == (204, 0)
    assert notes(slow) == ["begin 1", "end 1"]


def test_what_a_kill_cut_short_is_handled_when_it_is_delivered_again(slow: Path) -> None:
    with kit_process(slow) as (running, url), ThreadPoolExecutor(1) as senders:
        assert send(url, "quick") == 204
        answer = senders.submit(send, url, "1")
        wait_for(slow, "begin 1")
        running.kill()
        assert answer.result() == 0
    with kit_process(slow) as (_, url):
        assert [send(url, "1"), send(url, "1")] == [204, 204]
    assert notes(slow) == ["begin quick", "end quick", "begin 1", "begin 1", "end 1"]


def test_a_failure_is_logged_with_a_traceback_without_values(slow: Path) -> None:
    with kit_process(slow, LOG_FORMAT="console", COLUMNS="200") as (running, url):
        assert send(url, "fail") == 500
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=20)
    assert "RuntimeError: boom" in err
    assert "in slow" in err
    assert "token-of-a-session" not in err


def test_a_wrong_file_or_setting_ends_it_with_one_line(slow: Path, tmp_path: Path) -> None:
    for text, message in (("import nothing_of_that_name", "handler.py:1: ModuleNotFoundError"), (None, "no such file")):
        file = tmp_path / "other" / "handler.py"
        if text is not None:
            file.parent.mkdir()
            file.write_text(text)
        else:
            file.unlink()
        done = run_module(file)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert message in done.stderr
    done = run_module(slow, MAX_CONCURRENCY="0")
    assert (done.returncode, done.stderr) == (
        2, "vcenter_functions: MAX_CONCURRENCY: '0': set a number of 1 or more\n"
    )  # fmt: skip


def run_module(file: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    with Forked({"PATH": "", **variables}, "vcenter_functions", str(file)) as running:
        output, errors = running.communicate(timeout=20)
        return subprocess.CompletedProcess(running.args, running.wait(), output, errors)


def test_many_headers_and_slow_clients_hold_up_nobody(tmp_path: Path) -> None:
    with serve_handlers(load_text(tmp_path, GREET), MAX_CONCURRENCY="2", TIMEOUT="2") as client:
        port = client.base_url.port
        assert port is not None
        assert client.post("/", headers={f"x-{n}": "1" for n in range(101)}).status_code == 431
        connections = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(10)]
        for connection in connections[:9]:
            connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nce-id: 1\r\n\r\n{")
        connections[9].sendall(b"POST / HTTP/1.1\r\nhost: x\r\n" + b"x: 1\r\n" * 40_000)
        began = time.monotonic()
        assert post(client).status_code == 204
        assert client.get("/healthz").status_code == 200
        assert time.monotonic() - began < 2
        assert connections[0].recv(100).startswith(b"HTTP/1.1 408")
        for connection in connections:
            connection.close()
