"""``make demo-many``: adapters share vCenters, one is killed, and every new pool gets its tag in its own vCenter."""

import re
import signal
from pathlib import Path

import httpx
import pytest

from demo.__main__ import parse
from demo.kube_api import LEASES, TOKEN
from demo.many_printer import DEFAULT_DURATION, join
from tests.demo.demo_process import run_forked, steps
from tests.support.fork_server import Forked
from vcenter_source.settings.state import StateSettings

POOL = re.compile(r"^ {3}(east|north|west) +ResourcePool:(\S+) +(adapter-\d|nobody yet) +(\S.*)$", re.MULTILINE)
READER = re.compile(r"^ {3}(east|north|west) +vcenter-source-\1 +(adapter-\d)$", re.MULTILINE)
TAG = "demo/created-by-event"


@pytest.mark.guarantees
def test_every_new_pool_has_its_tag_in_its_own_vcenter_though_an_adapter_is_killed(tmp_path: Path) -> None:
    done = run_forked(tmp_path, "--many")
    output, ended = done.stdout, done.children
    assert done.returncode == 0, output
    assert [step[0] for step in steps(output)] == ["1", "2", "3", "4", "5", "6"]
    before, first, killed, after, late, trace = re.split(r"\n(?=\d  )", output)[1:]
    readers = dict(READER.findall(before))
    dead, survivor = re.findall(r"^\d  (adapter-\d) (?:is killed|takes over)", f"{killed}\n{after}", re.MULTILINE)
    orphans = [vcenter for vcenter, adapter in readers.items() if adapter == dead]
    assert (len(readers), len(orphans), {dead, survivor}) == (3, 2, {"adapter-1", "adapter-2"})

    rows = POOL.findall(first)
    assert {(vcenter, adapter, tag) for vcenter, _, adapter, tag in rows} == {
        (vcenter, adapter, TAG) for vcenter, adapter in readers.items()
    }
    assert len({moid for _, moid, _, _ in rows}) == 1
    assert f"All three are ResourcePool:{rows[0][1]}" in first

    waiting = {vcenter for vcenter, _, *state in POOL.findall(killed) if state == ["nobody yet", "no tag yet"]}
    assert waiting == set(orphans)
    assert f"still holds the Leases of {join(orphans)}" in killed
    assert dict(READER.findall(after)) == dict.fromkeys(readers, survivor)
    assert [(vcenter, adapter, tag) for vcenter, _, adapter, tag in POOL.findall(late)] == [
        (vcenter, survivor, TAG) for vcenter in orphans
    ]
    assert "attach tag" in trace
    assert survivor in trace
    assert dead not in re.sub(r"\n\n6 new pools.*", "", trace, flags=re.DOTALL)
    summary = (
        rf"\n\n6 new pools in 3 vCenters, each tagged in its own; {survivor} took over \d+\.\d s after {dead} was "
    )
    assert re.search(summary + r"killed; 1 trace, \d+ spans, 3 processes\n$", output)
    assert max(map(len, output.splitlines()[:-1])) <= 80
    assert ended.pop(dead) == -signal.SIGKILL
    assert set(ended.values()) == {0}, ended


def test_what_fails_is_one_clear_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run_forked(tmp_path, "--many", "--tag", "nonsense")
    assert done.returncode == 1
    assert re.search(r"^pytag ended with exit status \d+: .*TAG", done.stdout, re.MULTILINE), done.stdout
    assert None not in done.children.values()


@pytest.mark.parametrize("other", ["--keep", "--openfaas", "--protocol=json"])
def test_options_that_do_not_go_together_are_refused(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--many", other])
    assert ended.value.code == 2
    assert "--many: goes with none of --openfaas, --keep and --protocol; leave those out" in capsys.readouterr().err


def test_the_demo_names_the_duration_that_is_the_default() -> None:
    assert StateSettings.model_fields["lease_duration"].default == DEFAULT_DURATION


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_api_server_answers_until_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "kubeconfig"
    with Forked({}, "demo.kube_api", "--kubeconfig", str(file)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("kube-api ready: ").strip()
        assert f"server: {url}\n" in file.read_text()
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.get(LEASES).status_code == 401
            lists = client.get(LEASES, headers={"Authorization": f"Bearer {TOKEN}"}).json()
        assert (lists["kind"], lists["items"]) == ("LeaseList", [])
        process.send_signal(number)
        assert process.wait(10) == 0


def test_an_api_server_that_cannot_write_its_kubeconfig_says_so(tmp_path: Path) -> None:
    with Forked({}, "demo.kube_api", "--kubeconfig", str(tmp_path / "nowhere" / "file")) as process:
        output, errors = process.communicate(timeout=20)
        assert (output, process.returncode) == ("", 2)
        assert errors.startswith("kube-api: ")
        assert len(errors.splitlines()) == 1
