"""The workflows: what they run is there, and nobody can make them do more than that."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.dockerfile import FINAL
from tests.support.manifest_files import ROOT

FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
WRITES = {
    ("release", "images"): {"packages", "id-token"},
    ("release", "pypi"): {"id-token"},
    ("release", "github"): {"contents", "id-token"},
}
"""What a job may write; every other one reads the repository, or not even that."""


def list_jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            yield name, job, content


def list_steps() -> list[dict[str, Any]]:
    return [step for _, _, job in list_jobs() for step in job.get("steps", ())]


def the_step(job: str, uses: str) -> dict[str, Any]:
    (step,) = (each for each in WORKFLOWS["release"]["jobs"][job]["steps"] if uses in each.get("uses", ""))
    return dict(step["with"])


def test_ci_runs_what_a_developer_runs() -> None:
    workflow = WORKFLOWS["ci"]
    assert workflow["jobs"]["ci"]["steps"][-1] == {"run": ".ci/run"}
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert set(workflow[True]) == {"push", "pull_request", "workflow_call"}  # YAML 1.1 reads the key "on" as true


def test_no_job_may_do_more_than_it_needs() -> None:
    assert {name: each["permissions"] for name, each in WORKFLOWS.items()} == {
        "ci": {"contents": "read"},
        "release": {},
    }
    for name, job, content in list_jobs():
        granted = content.get("permissions", WORKFLOWS[name]["permissions"])
        assert {what for what, how in granted.items() if how == "write"} == WRITES.get((name, job), set()), (name, job)
        assert set(granted.values()) <= {"read", "write"}
        assert "steps" not in content or content["timeout-minutes"] <= 90


def test_each_action_is_pinned_by_its_commit_and_says_which_version_that_is() -> None:
    lines = re.findall(r"uses: (\S+)(.*)", "\n".join(TEXTS.values()))
    pinned = [re.fullmatch(r"([\w./-]+)@([a-f\d]{40}) # (v\d+\.\d+\.\d+)", uses + rest) for uses, rest in lines]
    found = {each.groups() for each in pinned if each}
    assert [uses for (uses, _), each in zip(lines, pinned, strict=True) if not each] == ["./.github/workflows/ci.yml"]
    assert len({action for action, _, _ in found}) == len(found) > 8, "each in one version"


def test_no_text_of_others_gets_into_a_script_and_no_credential_stays() -> None:
    assert [step["run"] for step in list_steps() if "${{" in step.get("run", "")] == []
    checkouts = [step for step in list_steps() if "actions/checkout" in step.get("uses", "")]
    assert [step for step in checkouts if step["with"] != {"persist-credentials": False}] == []
    assert "pull_request_target" not in "".join(TEXTS.values())
    assert re.findall(r"secrets\.", "".join(TEXTS.values())) == []


def test_what_they_run_is_there() -> None:
    runs = "\n".join([*(step.get("run", "") for step in list_steps()), (ROOT / ".ci" / "run").read_text()])
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    named = set(re.findall(r"\bmake ([a-z-]+)", re.sub(r"#.*|echo .*", "", runs)))
    assert {"check", "test", "guarantees", "conformance", "test-ui", "release"} <= named <= targets
    makefile = (ROOT / "Makefile").read_text()
    for variable in re.findall(r"([A-Z]+)=", re.findall(r"make release (.*)", runs)[0]):
        assert f"$({variable})" in makefile


def test_every_image_is_built_for_both_processors_signed_and_handed_on_by_its_digest() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    assert jobs["images"]["strategy"]["matrix"]["target"] == FINAL
    assert WORKFLOWS["ci"]["jobs"]["images"]["strategy"]["matrix"]["target"] == FINAL
    built = the_step("images", "docker/build-push-action")
    assert set(built["platforms"].split(",")) == {"linux/amd64", "linux/arm64"}
    assert (built["provenance"], built["sbom"], built["push"]) == ("mode=max", True, True)
    runs = [step["run"] for step in jobs["images"]["steps"] if "run" in step]
    assert any('cosign sign --yes "$IMAGE@$DIGEST"' in run for run in runs)
    assert any(re.search(r'echo "vcenter-source-\$TARGET \$DIGEST" > ', run) for run in runs)
    assert built["build-args"].splitlines()[0] == "VERSION=${{ steps.name.outputs.version }}"


def test_a_release_follows_from_the_tests_to_the_last_file() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "test": None,
        "images": "test",
        "dist": "images",
        "pypi": "dist",
        "github": ["dist", "pypi"],
    }
    assert WORKFLOWS["release"][True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    assert jobs["pypi"]["environment"]["name"] == "pypi"
    assert "pypi" in (ROOT / "RELEASING.md").read_text()


@pytest.mark.parametrize("version", ["0.2.0"])
def test_the_text_of_a_release_is_its_section_of_the_changelog(version: str) -> None:
    (run,) = (step["run"] for step in WORKFLOWS["release"]["jobs"]["github"]["steps"] if "run" in step)
    (command,) = re.findall(r"awk .*?CHANGELOG.md", run, re.DOTALL)
    done = subprocess.run(
        ["sh", "-c", command.replace("${GITHUB_REF_NAME#v}", version).replace("\\\n", " ")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().startswith("### Added\n- `vcenter-source run`")
    assert "\n## " not in done.stdout
