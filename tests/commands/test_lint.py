"""``vcenter-source lint``: what it reads, what it prints, and how it ends."""

from pathlib import Path

import yaml

from tests.support.fork_server import Forked
from tests.support.processes import clean_environment, command
from tests.triggers.lint import ON
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator

GOOD = f"""\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: good}}
spec:
  broker: default
  filter: {{attributes: {{type: {ON}}}}}
"""
BAD = GOOD.replace("good", "bad").replace("poweredon", "powerdon")
OTHERS = """\
apiVersion: v1
kind: ConfigMap
data: {filters: no, type: x}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: Trigger
spec: {filters: 7}
"""


def test_nothing_found_is_exit_code_0(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{OTHERS}---\n{GOOD}---\n---\n# nothing\n")
    done = command("lint", str(tmp_path / "a.yaml"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 Trigger: nothing found\n", "")


def test_what_is_found_is_told_with_file_and_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("sub/b.yml", ".hidden/c.yaml"):
        (tmp_path / name).write_text(f"{GOOD}---\n{BAD}")
    listed = {"apiVersion": "v1", "kind": "List", "items": list(yaml.safe_load_all(BAD))}
    (tmp_path / "a.json").write_text(yaml.safe_dump(listed, default_flow_style=True))
    done = command("lint", str(tmp_path))
    meant = f"bad: no event has the type {ON.replace('red', 'rd')}; did you mean {ON}?"
    assert done.stdout.splitlines()[1:] == [f"{tmp_path}/sub/b.yml:13: error: {meant}", "3 Triggers: 2 errors"]
    assert done.stdout.startswith(f"{tmp_path}/a.json:")
    assert done.returncode == 1


def test_standard_input_and_warnings() -> None:
    text = GOOD.replace("vm.poweredon", "ex.a.b")
    for options, code in ((["-"], 0), (["--strict", "-"], 1)):
        with Forked(clean_environment(), "vcenter_source", "lint", *options, pipe_in=True) as running:
            output, _ = running.communicate(text, timeout=50)
        assert output.startswith("-:6: warning: good: no known event has the type com.vmware.event.ex.a.b;")
        assert (output.splitlines()[-1], running.returncode) == ("1 Trigger: 1 warning", code)


def test_what_cannot_be_read_is_named_and_the_rest_is_read_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "helm.yaml").write_text("kind: Trigger\nmetadata: {{ .Values.x }\n")
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "control.yaml").write_text("a: \x01")
    (tmp_path / "z.yaml").write_text(BAD)
    done = command("lint", str(tmp_path), str(tmp_path / "missing.yaml"))
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{tmp_path}/helm.yaml:") and "not YAML" in line for line in lines)
    assert f"{tmp_path}/latin.yaml: not UTF-8 text" in lines
    assert f"{tmp_path}/missing.yaml: No such file or directory" in lines
    assert f"{tmp_path}/z.yaml:6: error:" in done.stdout
    assert lines[-1] == "1 Trigger: 1 error, 4 files unreadable"
    assert done.stderr == ""


def test_the_event_format_is_that_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert command("lint", str(tmp_path), EVENT_FORMAT="veba").returncode == 1


def test_the_manifests_of_this_project_are_clean() -> None:
    config = Path(__file__).parents[2] / "config"
    done = command("lint", str(config))
    *found, summary = done.stdout.splitlines()
    assert (done.returncode, " error" in summary) == (0, False), done.stdout
    # Ids of events that only a vCenter can list.
    assert [line for line in found if "no known event has the type com.vmware.event.ex." not in line] == []


def test_a_vcenter_is_asked_for_its_event_type_ids(simulator: Simulator, tmp_path: Path) -> None:
    account = {"VCENTER_URL": simulator.url, "VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD}
    (tmp_path / "a.yaml").write_text(GOOD.replace("vm.poweredon", "ex.esx.problem.net.connectivity.lost"))
    (tmp_path / "b.yaml").write_text(GOOD.replace("vm.poweredon", "ex.esx.problem.net.conectivity.lost"))
    done = command("lint", "--vcenter", str(tmp_path), **account)
    said = "did you mean com.vmware.event.ex.esx.problem.net.connectivity.lost?"
    assert done.stdout.splitlines()[0].endswith(said), done.stderr
    assert (done.stdout.splitlines()[1:], done.returncode) == (["2 Triggers: 1 error"], 1)
