"""The measurements run, and say what they found."""

import asyncio
import cProfile
import json
import pstats
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench import calls, charts, post, report
from bench.__main__ import main
from bench.functions import EMPTY, PYTAG, TRACED
from bench.goals import GOALS
from bench.pages import page, page_of_types
from bench.rooms import by_room, room
from bench.router import EventRouter
from bench.runs import Run, measure_drain, medians
from bench.sections import find_spread
from bench.senders import VSphereSource
from tests.support.namespaces import has_namespaces
from tests.support.processes import clean_environment

BENCH = Path(__file__).parents[2] / "bench"


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return run_command(arguments, environment, 50)


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], seconds: float
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=clean_environment() | dict(environment),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def sink(*options: str) -> Iterator[tuple[str, Iterator[str]]]:
    """A sink's address, and the lines that it says after it."""
    process = subprocess.Popen([sys.executable, "-m", "bench.sink", *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        said = map(str.strip, process.stdout)
        try:
            yield next(said).removeprefix("sink ready: "), said
        finally:
            process.terminate()


def events(url: str) -> list[bytes]:
    times = [*3 * ("2026-01-01T00:00:10.500000Z",), "2026-01-01T00:00:00Z"]
    return [post.request(url, {"ce-id": str(n), "Ce-Time": time}, b"{}" * 700) for n, time in enumerate(times)]


@pytest.mark.parametrize("way", post.WAYS)
def test_the_sink_takes_what_is_posted_and_answers_after_its_latency(way: str) -> None:
    with sink("--expected=40", "--latency=3") as (url, said):
        found = post.WAYS[way](url, events(url), count=40, connections=4)
        assert next(said) == "sink first:"
        summary = json.loads(next(said).removeprefix("sink done: "))
    assert found["failures"] == 0
    assert 0.003 <= found["p50"] < 0.1
    assert summary["requests"] == 40
    assert summary["seconds"] >= 9 * 0.003, "ten rounds of four"
    if way != "aiohttp":  # which posts the bodies alone
        assert summary["identities"] == 4
        assert summary["p99"] - summary["p50"] == pytest.approx(10.5, abs=1)


def test_a_gate_counts_the_calls_of_an_event(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["bench.calls", "--scale", "0.5"])
    assert calls.main() == 1
    printed = capsys.readouterr()
    assert "convert" in printed.out
    assert printed.err.startswith("bench.calls: an event takes more calls than it may in: decode, convert, encode.")


def test_the_count_is_the_same_whatever_the_machine_does_and_however_many_types_there_are() -> None:
    first, second = calls.per_event(page(100, 4)), calls.per_event(page(100, 4))
    assert first == second
    assert calls.calls(lambda: [len("") for _ in range(50)]) in {51, 50}, "a list comprehension was a call until 3.12"
    few, many = (sum(calls.per_event(page_of_types(count, 300)).values()) for count in (1, 100))
    assert few == pytest.approx(many, rel=0.1)


def test_what_is_promised_is_judged_by_what_was_measured() -> None:
    results = {"drain": {"adapter, 5 ms": {"rate": 500.0}, "VSphereSource, 5 ms": {"rate": 40.0}}}
    assert GOALS[0].row(results) == [GOALS[0].text, "12.5x", "reached", "`make bench ONLY=drain`"]
    results["drain"]["adapter, 5 ms"]["rate"] = 100.0
    assert "**not reached.**" in report.goals(results)
    assert report.goals({}) == ""


def test_the_report_and_its_pictures_are_those_of_the_results(tmp_path: Path) -> None:
    results = json.loads((BENCH / "results.json").read_text())
    assert (BENCH / "RESULTS.md").read_text() == report.whole(results), "python -m bench --again"
    charts.draw(results, tmp_path)
    for name in report.PLOTS:
        drawn = (tmp_path / f"{name}.svg").read_text()
        assert drawn == (BENCH / "plots" / f"{name}.svg").read_text()
        said = "".join(ET.fromstring(drawn).itertext())
        assert "adapter" in said
        assert ("more is better" if name == "drain" else "less is better") in said
        assert "@media (prefers-color-scheme:dark)" in drawn
    assert f"{results['drain']['adapter, 5 ms']['least']:,.0f} to " in (tmp_path / "drain.svg").read_text()


def test_a_picture_shows_the_least_and_the_most_of_each_run() -> None:
    runs = [Run(1000, rate, 1, 1, cpu, 0, peak, 0, 0) for rate, cpu, peak in ((90, 2, 70), (100, 3, 80), (120, 7, 75))]
    spread = find_spread(runs)
    assert spread == {"spread": {"cpu": [2, 7], "peak": [70, 80]}}
    start = asdict(runs[0]) | {"cpu": 1}
    measured = {"drain": {"adapter, 0 ms": asdict(medians(runs)) | spread, "adapter, start": start}}
    assert charts.cpu_spread(measured, "adapter") == (1.0, 6.0)
    drawn = charts.picture(
        "Memory", charts.LESS, [charts.Bar("1", "adapter", 75.0, charts.find_spread(spread, "peak"))]
    )
    assert "70.0 to 80.0" in drawn
    assert "less is better; the line is from least to most" in drawn
    assert drawn.count('class="spread"') == 1
    assert charts.find_spread({}, "peak") is None


@pytest.mark.guarantees
def test_a_section_is_measured_and_printed() -> None:
    done = command("bench", "--quick", "functions")
    assert done.returncode == 0, done.stderr
    head, _, *rows = [line.split(" | ") for line in done.stdout.splitlines()[:8]]
    assert head[:3] == ["| an event through", "events/s", "p50, ms"]
    assert [row[0] for row in rows] == [f"| {each}{traced}" for traced in TRACED for each in (EMPTY, PYTAG)]
    assert all(float(row[1].replace(",", "")) > 1 for row in rows)
    assert "at most 0.4 ms of CPU" in done.stdout


def test_what_tracing_costs_a_function_is_told() -> None:
    def spans(ms: float) -> dict[str, dict[str, float]]:
        return {part: {"cpu_ms": ms, "calls": 100 * ms} for part in ("event", "call")}

    def figures(ms: float) -> dict[str, float]:
        return {"rate": 1.0, "p50": 1.0, "p99": 1.0, "cpu_ms": ms}

    results: dict[str, Any] = {
        "functions": {
            f"{function}{traced}": figures(ms)
            for traced, ms in (("", 1.0), (", traces sampled at 10 %", 1.1), (", traced", 1.7))
            for function in (EMPTY, PYTAG)
        }
    }
    results["functions"][EMPTY]["spans"] = spans(1)
    results["functions"][f"{EMPTY}, traced"]["spans"] = spans(2)
    told = report.tables(results)
    assert "| untraced | 1.00 | 100 | 1.00 | 100 |\n| traced | 2.00 | 200 | 2.00 | 200 |" in told
    assert "at most 20 % more CPU than untraced | 10.0 % | reached" in told
    assert "at most 60 % more CPU than untraced | 70.0 % | **not reached.**" in told


def test_many_vcenters_are_compared_with_one() -> None:
    def kind(cpu: float, events: int = 0, peak: float = 0.0) -> dict[str, float]:
        return {"cpu": cpu, "events": events, "peak": peak}

    results = {
        "many": {
            "start 1": kind(0.5, 1),
            "backlog 1": kind(10.5, 1001, 80),
            "start 50": kind(2.5, 50),
            "backlog 50": kind(13.5, 1050, 178),
            "idle 1": kind(0, peak=70),
            "idle 50": kind(0, peak=119),
            "waiting 1": kind(0, peak=80),
            "waiting 50": kind(0, peak=227),
            "1 adapters": {"events": 1000, "seconds": 2.0, "cpu": 1.0},
            "2 adapters": {"events": 1000, "seconds": 1.0, "cpu": 1.1},
        }
    }
    judged = {row[0]: row[1:3] for goal in GOALS if (row := goal.row(results)) is not None}
    assert [verdict for _, verdict in judged.values()] == ["reached"] * 4
    assert [figure for figure, _ in judged.values()] == ["10.0 %", "3.00 MiB", "2.00x", "1.82x"]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["speed"], {}, "no section speed; there are drain, "),
        ([], {"PEER_VSPHERESOURCE": "/nowhere"}, "PEER_VSPHERESOURCE: /nowhere is not a program; set the path of"),
    ],
)
def test_a_wrong_option_is_said(
    arguments: list[str],
    environment: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    for name in ("PEER_VSPHERESOURCE", "PEER_EVENT_ROUTER"):
        monkeypatch.setenv(name, environment.get(name, ""))
    with pytest.raises(SystemExit, match=r"^2$"):
        main()
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"python -m bench: error: {message}")


PEER = """#!{python}
import json, os, sys, urllib.request
from pathlib import Path
def ask(url, **more):
    return urllib.request.urlopen(urllib.request.Request(url, **more)).read()
def post(sink, **checkpoint):
    assert checkpoint["lastEventKeyTimestamp"] < "2999"
    headers = {{"ce-id": "1", "ce-time": "2026-01-01T00:00:00Z"}}
    ask(sink, data=b"{{}}", headers=headers)
    input()
"""

SOURCE = """
api = sys.argv[sys.argv.index("--server") + 1] + "/api/v1/namespaces/" + os.environ["NAMESPACE"] + "/configmaps/"
name = api + os.environ["VSPHERE_KVSTORE_CONFIGMAP"]
kept = json.loads(ask(name))
assert json.loads(ask(name, data=json.dumps(kept).encode(), method="PUT")) == kept
assert Path(os.environ["VC_SECRET_PATH"], "username").read_text() == "administrator@vsphere.local"
post(os.environ["K_SINK"], **json.loads(kept["data"]["checkpoint"]))
"""

ROUTER = """
assert Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
config = json.loads(Path(sys.argv[sys.argv.index("-config") + 1]).read_text())
uri = config["eventProcessor"]["knative"]["destination"]["uri"]
kept = Path(config["eventProvider"]["vcenter"]["checkpointDir"], "cp-127.0.0.1.json").read_text()
post("{scheme}://{host}{path}".format(**uri), **json.loads(kept))
"""


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        (VSphereSource, SOURCE),
        pytest.param(EventRouter, ROUTER, marks=pytest.mark.skipif(not has_namespaces(), reason="no namespaces here")),
    ],
)
def test_a_peer_is_given_what_it_needs_to_read_the_backlog(
    tmp_path: Path, kind: type[VSphereSource | EventRouter], script: str
) -> None:
    binary = tmp_path / "peer"
    binary.write_text(PEER.format(python=sys.executable) + script)
    binary.chmod(0o755)
    run = asyncio.run(measure_drain(kind(binary), "http://127.0.0.1:1/sdk", 1))
    assert (run.events, run.rate) == (1, 0)
    assert run.wall_first > 0


@pytest.mark.guarantees
def test_what_spans_take_is_counted_where_they_are_recorded_and_where_not() -> None:
    def counted(**environment: str) -> float:
        done = command("bench.traced", **environment)
        found: dict[str, float] = json.loads(done.stdout.removeprefix("traced done: "))
        return found["calls"]

    with sink() as (receiver, _):
        on = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver, "OTEL_METRICS_EXPORTER": "none"}
        assert 1 < counted() < counted(**on, OTEL_TRACES_SAMPLER="always_off") < counted(**on)


def test_what_is_written_in_c_is_spent_by_the_room_that_calls_it() -> None:
    with cProfile.Profile() as profile:
        json.dumps([list(range(1000)) for _ in range(100)])
    spent = by_room(pstats.Stats(profile).stats)  # type: ignore[attr-defined]  # missing in its stubs
    assert spent.most_common(1)[0][0] == "json"
    assert "~" not in spent


def test_rooms_are_named_for_what_a_reader_knows() -> None:
    assert room("/src/adapter/vcenter_source/sinks/client.py") == "sinks/client.py"
    assert room("/usr/lib/python3.11/site-packages/opentelemetry/sdk/trace.py") == "opentelemetry"
    assert room("/usr/lib/python3.11/asyncio/tasks.py") == "asyncio"
    assert room("/usr/lib/python3.11/threading.py") == "threading"


@pytest.mark.guarantees
def test_memory_stays_under_its_limit_while_the_sink_is_down_for_an_hour() -> None:
    done = command("bench.memory", "--events", "3000")
    assert done.returncode == 0, done.stderr
    tries = re.search(r"([\d,]+) tries", done.stdout)
    waiting, after = map(int, re.findall(r": (\d+) MiB", done.stdout))
    assert tries is not None
    assert int(tries[1].replace(",", "")) > 300, "an hour of tries, half a minute apart at the most"
    assert 20 < waiting <= after < 150
