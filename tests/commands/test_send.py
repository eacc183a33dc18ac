"""``vcenter-source send``: real processes against a sink that answers as a test likes."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.fork_server import Forked
from tests.support.otlp_collector import collector
from tests.support.processes import clean_environment, command, process
from tests.support.recording_sink import Answer, RecordingSink, recording_sink
from tests.support.simulator_control import LOGIN, post_events
from tests.support.terminal import show_at_terminal
from vcenter_simulator.server import Simulator

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(number: int, class_name: str = "VmPoweredOnEvent", **attributes: str) -> str:
    type_ = {"VmPoweredOnEvent": "vm.poweredon", "UserLoginSessionEvent": "session.userlogin"}[class_name]
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(number),
        "source": "https://vcenter.example.com/sdk",
        "type": f"com.vmware.event.{type_}",
        "subject": f"VirtualMachine:vm-{number}",
        "eventname": class_name,
        "eventancestors": f"{class_name},Event",
        "data": {"key": number},
    }
    return json.dumps(made | attributes) + "\n"


def write(folder: Path, *lines: str) -> str:
    path = folder / "events.jsonl"
    path.write_text("".join(lines))
    return str(path)


def ids(sink: RecordingSink) -> list[str]:
    return [request.headers["ce-id"] for request in sink.requests]


@contextmanager
def sending(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The command, with a pipe as its standard input."""
    with Forked(clean_environment(**settings), "vcenter_source", "send", *arguments, pipe_in=True) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_file_is_sent_in_order_and_each_answer_is_shown(tmp_path: Path) -> None:
    with recording_sink() as sink:
        done = command("send", write(tmp_path, event(1), "\n", event(2)), "--to", sink.url)
        first = sink.take()
    assert (done.returncode, done.stderr) == (0, "2 accepted.\n")
    assert done.stdout.splitlines() == [
        f"202\tcom.vmware.event.vm.poweredon\tVirtualMachine:vm-{number}\t{number}" for number in (1, 2)
    ]
    assert ids(sink) == ["1", "2"]
    assert first.get_data() == {"key": 1}
    assert sink.requests[0].headers["content-type"] == "application/json"


def test_what_run_printed_is_sent_as_it_was(simulator: Simulator, tmp_path: Path) -> None:
    post_events(simulator, 3)
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning"}
    with process("vcenter_source", "run", "--sink", "-", **settings, **LOGIN) as adapter:
        assert adapter.stdout is not None
        lines = [adapter.stdout.readline() for _ in range(3)]
    with recording_sink() as sink:
        done = command("send", write(tmp_path, *lines), "--to", sink.url)
        arrived = [sink.take() for _ in lines]
    assert done.returncode == 0
    for line, got in zip(map(json.loads, lines), arrived, strict=True):
        assert (got.get_id(), got.get_type(), got.get_data()) == (line["id"], line["type"], line["data"])
        assert got.get_extension("eventancestors") == line["eventancestors"]


def test_a_sample_of_a_pipe_is_sent_and_k_sink_is_the_default() -> None:
    with recording_sink() as sink, sending("-", K_SINK=sink.url) as running:
        out, errors = running.communicate(command("sample", "VmPoweredOnEvent").stdout, timeout=30)
        assert sink.take().get_type() == "com.vmware.event.vm.poweredon"
    assert (running.returncode, errors, out[:4]) == (0, "1 accepted.\n", "202\t")


def test_one_that_is_not_accepted_is_named_the_others_are_sent_and_the_exit_code_is_1(tmp_path: Path) -> None:
    def answer(number: int) -> Answer:
        return ((500, 202, 422)[number], {})

    with recording_sink(answer) as sink:
        sink.objection = b"no tag"
        done = command("send", write(tmp_path, event(1), event(2), event(3)), "--to", sink.url)
    assert (done.returncode, done.stderr) == (1, "1 accepted, 2 not accepted.\n")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["500", "202", "422"]
    assert rows[0][4] == f"{sink.url} answers 500 Internal Server Error: no tag"
    assert ids(sink) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("pattern", "sent"),
    [
        ("com.vmware.event.session.userlogin", ["2"]),
        ("VmPoweredOnEvent", ["1", "3"]),
        ("*.vm.*", ["1", "3"]),
        ("Event", ["1", "2", "3"]),
    ],
)
def test_type_selects_as_event_types_does(tmp_path: Path, pattern: str, sent: list[str]) -> None:
    path = write(tmp_path, event(1), event(2, "UserLoginSessionEvent"), event(3))
    with recording_sink() as sink:
        done = command("send", path, "--to", sink.url, "--type", pattern)
    assert (done.returncode, ids(sink)) == (0, sent)
    skipped = f", {3 - len(sent)} of other types" if len(sent) < 3 else ""
    assert done.stderr == f"{len(sent)} accepted{skipped}.\n"


def test_an_event_of_a_pipe_is_sent_as_it_comes_and_an_interrupt_ends_quietly() -> None:
    with recording_sink() as sink, sending("-", "--to", sink.url) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for number in (1, 2):
            running.stdin.write(event(number))
            running.stdin.flush()
            assert running.stdout.readline().startswith("202")
            assert sink.take().get_id() == str(number)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 1  # though standard input is still open
        errors = running.stderr.read() if running.stderr else ""
    assert errors == "2 accepted; interrupted.\n"


def test_head_ends_it_quietly(tmp_path: Path) -> None:
    path = write(tmp_path, *(event(number) for number in range(2000)))
    with recording_sink() as sink:
        line = f"{sys.executable} -m vcenter_source send {path} --to {sink.url} | head -n 1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", line], env=clean_environment(), capture_output=True, text=True, check=False
        )
    assert (done.stdout.count("\n"), done.stderr, done.returncode) == (1, "", 0)
    assert len(sink.requests) < 2000


def test_a_terminal_gets_colours_and_a_pipe_none(tmp_path: Path) -> None:
    path = write(tmp_path, event(1))
    with recording_sink() as sink:
        for settings, code in (({}, "\x1b[32m202\x1b[0m  com"), ({"NO_COLOR": "1"}, "202  com")):
            shown = show_at_terminal(clean_environment(**settings), "send", path, "--to", sink.url)
            assert shown.startswith(code)


def test_with_otel_each_request_is_of_a_new_trace_that_is_linked_to_the_events_own(tmp_path: Path) -> None:
    path = write(tmp_path, event(1, traceparent=TRACEPARENT))
    with recording_sink() as sink, collector() as spans:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url}
        done = command("send", path, "--to", sink.url, **settings)
        assert done.returncode == 0, done.stderr
        (root,) = [span for span in spans.spans() if not span.parent_span_id]
        (request,) = [span for span in spans.spans() if span.parent_span_id]
    headers = sink.requests[0].headers
    assert (root.name, request.name) == ("CloudEvents Create com.vmware.event.vm.poweredon", "POST")
    assert headers["traceparent"] == f"00-{root.trace_id.hex()}-{request.span_id.hex()}-01"
    assert headers["ce-traceparent"] == f"00-{root.trace_id.hex()}-{root.span_id.hex()}-01"
    assert [link.trace_id.hex() for link in root.links] == [TRACEPARENT.split("-")[1]]


def test_without_otel_the_trace_of_the_event_goes_on(tmp_path: Path) -> None:
    with recording_sink() as sink:
        command("send", write(tmp_path, event(1, traceparent=TRACEPARENT), event(2)), "--to", sink.url)
    assert sink.requests[0].headers["traceparent"] == sink.requests[0].headers["ce-traceparent"] == TRACEPARENT
    assert "traceparent" not in sink.requests[1].headers


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{\n", "line 2: not a CloudEvent: "),
        ("<html>\n", "line 2: not a CloudEvent: "),
        ('{"specversion": "1.0", "source": "s", "type": "t"}\n', "the attribute id is missing"),
    ],
)
def test_a_line_without_an_event_ends_it_in_one_line_that_names_it(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path, event(1), line, *(event(number) for number in range(2, 500)))
    with recording_sink() as sink:
        done = command("send", path, "--to", sink.url)
    assert (done.returncode, done.stderr.count("\n"), ids(sink)) == (1, 1, ["1"])
    assert done.stderr.startswith(f"vcenter-source: {path}, line 2: not a CloudEvent: ")
    assert said in done.stderr


def test_an_address_where_nobody_listens_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    done = command("send", write(tmp_path, event(1), event(2)), "--to", url)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"vcenter-source: {url}: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{}"], "--to: not set; set it, or K_SINK"),
        (["{}", "--to", "-"], "--to: not set; set it, or K_SINK"),
        (["{}", "--to", "ftp://x"], "--to: not an http or https address"),
        (["{}", "--to", "openfaas+http://gateway:8080"], "--to: cannot be a gateway; name a function"),
        (["{}", "--to", "http://x", "--type", "VmPoweredOmEvent"], "--type: vCenter has no event type"),
        (["/nowhere/at-all", "--to", "http://x"], "/nowhere/at-all: No such file or directory"),
        (["/tmp", "--to", "http://x"], "/tmp: Is a directory"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    path = write(tmp_path, event(1))
    done = command("send", *(each.format(path) if each == "{}" else each for each in arguments))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"vcenter-source: {said}")
