"""``python -m demo`` as a user runs it: the whole way with every part in a process of its own, and its failures."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.processes import ROOT
from tests.demo.demo_process import demo, environment, left_behind, run_forked, steps, trace_of
from tests.support import loopback
from tests.support.processes import SLOW
from tests.support.waiting import eventually
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_functions.otel.waterfall import is_incomplete

MANIFESTS = ROOT / "config" / "knative"
SUMMARY = re.compile(
    r"^tagged ResourcePool:resgroup-\d+ with demo/created-by-event \d+ ms after it was created; "
    r"1 trace, (\d+) spans, 3 processes$",
    re.MULTILINE,
)


@contextmanager
def kept(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The demo with --keep, its output in a file."""
    out = folder / "out.txt"
    command = [sys.executable, "-m", "demo", "--keep"]
    with (
        out.open("w") as stdout,
        subprocess.Popen(command, env=environment(folder), stdout=stdout, text=True) as process,
    ):
        try:
            yield process, out
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("protocol", ["soap", pytest.param("json", marks=pytest.mark.guarantees)])
def test_the_demo_tells_its_story_and_leaves_nothing_behind(tmp_path: Path, protocol: str) -> None:
    begun = time.monotonic()
    with Receiver() as users:
        proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
        done = demo(tmp_path, "--protocol", protocol, OTEL_EXPORTER_OTLP_ENDPOINT=users.url, **proxies)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("by VI/JSON" in done.stdout) == (protocol == "json")
    assert time.monotonic() - begun < 30
    assert [step[0] for step in steps(done.stdout)] == ["1", "2", "3", "4", "5", "6"]
    for said in (
        "ResourcePoolCreatedEvent",
        "com.vmware.event.resourcepool.created",
        "tag-new-resource-pools",
        "config/knative/600-trigger.yaml:2",
        "pytag answered 204",
        "CloudEvents Process …",
        "attach tag",
        "broker ingress",
        "com.vmware.event.vm.poweredon",
        "none matched",
    ):
        assert said in done.stdout
    summary = SUMMARY.search(done.stdout)
    assert summary, done.stdout
    spans = users.trace(trace_of(done.stdout))
    assert len(spans) == int(summary[1]) >= 8
    assert {span.service for span in spans} == {"vcenter-source", "broker", "pytag"}
    (root,) = (span for span in spans if not span.parent_id)
    assert (root.name, root.service) == ("CloudEvents Create com.vmware.event.resourcepool.created", "vcenter-source")
    assert not is_incomplete(spans)
    assert done.stdout.endswith(f"{summary[0]}\n")
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_trigger_for_another_type_is_the_reason_that_is_given(tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    trigger = tmp_path / "manifests" / "600-trigger.yaml"
    trigger.write_text(trigger.read_text().replace("resourcepool.created", "resourcepool.destroyed"))
    done = run_forked(tmp_path, "--manifests", str(trigger.parent))
    assert done.returncode == 1
    assert "no Trigger in " in done.stdout
    assert "wants com.vmware.event.resourcepool.created" in done.stdout
    assert "The whole logs are in " in done.stdout
    assert None not in done.children.values()


@pytest.mark.guarantees
def test_a_subscriber_that_cannot_be_reached_is_the_reason_that_is_given(tmp_path: Path) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    trigger, broker = tmp_path / "manifests" / "600-trigger.yaml", tmp_path / "manifests" / "300-broker.yaml"
    trigger.write_text(trigger.read_text().replace("name: pytag", "name: elsewhere"))
    broker.write_text(re.sub(r"retry: \d+", "retry: 0", broker.read_text()))
    done = run_forked(tmp_path, "--manifests", str(trigger.parent))
    assert done.returncode == 1
    assert "the Broker called elsewhere, which answered 404: no address known for the Service elsewhere" in done.stdout


def test_a_tag_that_pytag_refuses_is_the_reason_that_is_given(tmp_path: Path) -> None:
    done = run_forked(tmp_path, "--tag", "nonsense")
    assert done.returncode == 1
    assert re.search(r"^pytag ended with exit status \d+: .*TAG", done.stdout, re.MULTILINE), done.stdout
    assert None not in done.children.values()


def test_manifests_that_cannot_be_played_are_the_reason_that_is_given(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run_forked(tmp_path, "--manifests", str(empty))
    assert done.returncode == 1
    assert "no YAML files in" in done.stdout
    assert None not in done.children.values()


@pytest.mark.parametrize(
    ("number", "options", "running"), [(signal.SIGINT, [], 2), (signal.SIGTERM, [], 2), (signal.SIGTERM, ["--many"], 6)]
)
def test_the_demo_can_be_interrupted_at_any_time(
    tmp_path: Path, number: signal.Signals, options: list[str], running: int
) -> None:
    command = [sys.executable, "-m", "demo", *options]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.DEVNULL) as process:
        eventually(lambda: len(left_behind(tmp_path)) > running)
        process.send_signal(number)
        assert process.wait(10) == 130
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_demo_can_be_interrupted_while_it_still_loads(tmp_path: Path, number: signal.Signals, status: int) -> None:
    (tmp_path / "rich.py").write_text(SLOW)
    command, variables = [sys.executable, "-m", "demo"], environment(tmp_path, PYTHONPATH=str(tmp_path))
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(number)
        assert (*process.communicate(timeout=10), process.returncode) == ("", "", status)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(("keep", "stays"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_make_demo_stays_up_only_when_it_is_asked_to(keep: str, *, stays: bool) -> None:
    command = ["make", "--dry-run", "--assume-old=.venv/.ready", "demo", f"KEEP={keep}"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT).stdout
    assert "-m demo" in printed
    assert ("--keep" in printed) is stays


def services(viewer: str) -> set[str]:
    """The processes of which the viewer has spans, of any event."""
    traces = (loopback.get(f"{viewer}api/events/{number}/trace") for number in range(1, 6))
    return {span["service"] for trace in traces if trace.is_success for span in trace.json()["spans"]}


@pytest.mark.guarantees
def test_keep_goes_on_tagging_each_new_resource_pool(tmp_path: Path) -> None:
    with kept(tmp_path) as (process, out):
        told = re.compile(r"Ctrl-C ends it.*?\S+ (-m demo\.create my-pool --vcenter \S+)\n", re.DOTALL)
        eventually(lambda: told.search(out.read_text()))
        command = [sys.executable, *told.findall(out.read_text())[0].split()]
        made = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT).stdout.strip()
        eventually(lambda: re.search(rf"{made}  .*demo/created-by-event", out.read_text()))
        viewer = re.findall(r"event viewer +(http://\S+/)\n", out.read_text())[0]
        eventually(lambda: "pytag" in services(viewer))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert left_behind(tmp_path) == []
