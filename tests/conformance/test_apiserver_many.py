"""docs/many.md's commands, as a shell runs them, on a real API server: to many vCenters, and back to one."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.apiserver import ADMINISTRATOR, NEEDED, ApiServer, binary, run_api_server
from tests.conformance.applying import Applier
from tests.conformance.crds import definitions
from tests.docs.pages import blocks, page, section
from tests.support.manifest_files import FOLDERS, ROOT
from vcenter_source.state.shared_lease import LABEL

KUBECTL = binary("kubectl")
pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(180),
    NEEDED,
    pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH"),
]
FILE = "- {name: east, url: vcenter.example.com, username: u, password: p}\n"
NAMESPACE = "namespaces/vcenter-source"


@dataclass
class Shell:
    """Runs the commands of a section of the page, in a folder that has the user's file, and config."""

    server: ApiServer
    folder: Path

    def run(self, heading: str, number: int, only: str = "") -> list[str]:
        """Run those of the block of this number, all but the one that waits for pods; return what they print."""
        block = blocks(section(page("many.md"), heading), "console")[number]
        commands = [
            line for line in block.removeprefix("$ ").strip().split("\n$ ") if " rollout " not in line and only in line
        ]
        return list(map(self.execute, commands))

    def execute(self, command: str) -> str:
        """Run a command, which has to succeed; return what it prints."""
        path = f"{Path(str(KUBECTL)).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"KUBECONFIG": str(self.folder / "kubeconfig"), "PATH": path}
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        return done.stdout

    def get(self, path: str) -> Any:
        return self.server.get(f"{path.partition(' ')[0]}/{NAMESPACE}/{path.partition(' ')[2]}")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "vcenters.yaml").write_text(FILE)
    (folder / "config").symlink_to(ROOT / "config")
    (folder / "functions").symlink_to(ROOT / "functions")
    with run_api_server(folder) as server:
        applier = Applier(server)
        for each in definitions():
            applier.create(each)
        server.kubeconfig(folder / "kubeconfig", ADMINISTRATOR, "default")
        for manifest in [*FOLDERS["knative"], *FOLDERS["knative-ha"]]:
            server.eventually_serves(manifest.document["apiVersion"], manifest.kind)
        shell = Shell(server, folder)
        shell.execute("kubectl apply -f config/knative")
        yield shell


SOURCE = "/apis/sources.knative.dev/v1 containersources/vcenter-source"
ADAPTERS = "/apis/apps/v1 deployments/vcenter-source"
PYTAG = "/apis/apps/v1 deployments/pytag"
ROLE = "/apis/rbac.authorization.k8s.io/v1 roles/vcenter-source"
SECRET = "/api/v1 secrets/vcenters"


def variables(shell: Shell) -> set[str]:
    return {each["name"] for each in shell.get(PYTAG)["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_the_way_to_many_vcenters_and_back(shell: Shell) -> None:
    shell.run("## From a single vCenter to many", 0)
    assert shell.get(SOURCE) is None
    assert shell.get(ADAPTERS)["spec"]["replicas"] == 2
    assert "VCENTERS_FILE" in variables(shell)
    assert "VCENTER_SECRET_PATH" not in variables(shell)
    assert "resourceNames" not in shell.get(ROLE)["rules"][1]
    assert shell.get("/apis/coordination.k8s.io/v1 leases/vcenter-source") is not None, "the old adapter holds it"

    (shell.folder / "vcenters.yaml").write_text(FILE + FILE.replace("east", "west").replace("vcenter", "other"))
    before = shell.get(SECRET)
    shell.run("## Add, change and remove", 0)
    after = shell.get(SECRET)
    assert before["metadata"]["uid"] == after["metadata"]["uid"]
    assert list(before["data"]) == list(after["data"]) == ["vcenters.yaml"]
    assert before["data"] != after["data"]

    metadata = {"name": "vcenter-source-east", "labels": {LABEL: "vcenter-source"}}
    lease = {"metadata": metadata, "spec": {"holderIdentity": "an-adapter"}}
    shell.server.request("POST", f"/apis/coordination.k8s.io/v1/{NAMESPACE}/leases", lease)
    (listed,) = shell.run("## Deploy", 0, only=" get leases ")
    assert [line.split()[:2] for line in listed.splitlines()] == [
        ["NAME", "HOLDER"],
        ["vcenter-source-east", "an-adapter"],
    ]

    shell.run("## From a single vCenter to many", 2)
    assert shell.get(ADAPTERS) is None
    assert shell.get("/apis/sources.knative.dev/v1 sinkbindings/vcenter-source") is None
    assert shell.get("/apis/policy/v1 poddisruptionbudgets/vcenter-source") is None
    assert shell.get(SOURCE) is not None
    assert "VCENTERS_FILE" not in variables(shell)
    assert "VCENTER_SECRET_PATH" in variables(shell)
    assert shell.get(ROLE)["rules"][1]["resourceNames"] == ["vcenter-source"]
