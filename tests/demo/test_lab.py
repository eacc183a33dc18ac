"""The lab, ``make demo KEEP=1 RATE=5``: what it posts, when the sink fails, and what it prints to paste."""

import asyncio
import shlex
import subprocess
from collections import Counter
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from demo.__main__ import list_commands, parse
from demo.environment import Environment
from demo.lab import Lab
from demo.processes import ROOT, DemoError
from demo.trouble import Trouble
from tests.support import loopback
from tests.support.clock import Clock
from tests.support.demo_broker import EVENT, MANIFESTS, broker
from vcenter_simulator.testing import run_simulator


def test_a_minute_at_five_a_second_is_twenty_kinds_with_warnings_and_errors_an_outage_and_a_refusal(
    tmp_path: Path,
) -> None:
    (tmp_path / "broker.yaml").write_text(MANIFESTS)
    clock = Clock(100.0)
    with run_simulator() as simulator, broker(tmp_path) as url, httpx.Client(trust_env=False) as http:
        lab, answers, said = Lab(Environment(simulator.url, "", url, http), 5.0, clock=clock), Counter[int](), []
        for _ in range(61):
            if lines := list(lab.step()):
                said += lines
                answers[loopback.post(url, headers=EVENT, content=b"{}").status_code] += 1
            clock.now += 1
        posted = loopback.get(f"{simulator.base}/simulator/events").json()
    assert len(posted) == 300
    assert len({event["class"] for event in posted}) >= 17  # some kinds differ in their event type id alone
    assert {"HostConnectionLostEvent", "VmMessageWarningEvent"} <= {event["class"] for event in posted}
    assert [line.partition(" for")[0] for line in said] == ["the Broker is away", "the Broker refuses the next event"]
    assert answers == {503: 2}, "in the clock of the Broker, no time has passed"


def test_a_broker_in_trouble_is_away_for_so_long_and_refuses_so_many() -> None:
    async def run() -> list[int]:
        clock = Clock(100.0)
        trouble = Trouble(clock)
        app = Starlette(routes=[Route("/demo/trouble", trouble.begin, methods=["POST"])])
        transport = httpx.ASGITransport(app)

        def answers() -> int:
            answer = trouble.answer()
            return answer.status_code if answer else 202

        async with httpx.AsyncClient(transport=transport, base_url="http://broker") as client:
            found = [answers()]
            found.append((await client.post("/demo/trouble", json={"seconds": 6, "refuse": 2})).status_code)
            for seconds in (0.0, 5.9, 0.2, 0.0, 0.0):
                clock.now += seconds
                found.append(answers())
            found.append((await client.post("/demo/trouble", content=b"often")).status_code)
        return found

    assert asyncio.run(run()) == [202, 204, 503, 503, 422, 422, 202, 400]


def test_a_lab_whose_simulator_is_gone_says_so() -> None:
    clock = Clock()
    with httpx.Client(trust_env=False) as http:
        lab = Lab(Environment("http://127.0.0.1:9/sdk", "", "http://127.0.0.1:9/ns/b", http), 5.0, clock=clock)
        list(lab.step())
        clock.now += 1
        with pytest.raises(DemoError, match=r"POST http://127\.0\.0\.1:9/simulator/events"):
            list(lab.step())


def test_what_is_printed_to_paste_are_exports_and_commands_of_a_shell() -> None:
    with httpx.Client() as http:
        commands = list_commands(
            Environment("http://127.0.0.1:1/sdk", "", "http://127.0.0.1:2/ns/b", http), "vcenter-source"
        )
    exports, others = commands.values()
    assert [line.split("_")[0] for line in exports] == ["export VCENTER", "export GOVC"]
    for line in exports:
        words = dict(word.split("=", 1) for word in shlex.split(line)[1:])
        assert sorted(words.values()) == sorted(["http://127.0.0.1:1/sdk", "administrator@vsphere.local", "VMware1!"])
    assert {line.split()[0] for line in others} == {"vcenter-source", "govc", "curl"}
    assert subprocess.run(["bash", "-n"], input="\n".join(others), text=True, check=False).returncode == 0


@pytest.mark.parametrize("arguments", [["--rate", "5"], ["--keep", "--rate", "many"], ["--keep", "--rate", "1e9"]])
def test_a_rate_that_makes_no_sense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert "--rate: " in capsys.readouterr().err.splitlines()[-1]


def test_make_hands_the_rate_on() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv/.ready", "demo", "KEEP=1", "RATE=5"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT).stdout
    assert printed.strip().endswith("-m demo --keep --rate 5")
