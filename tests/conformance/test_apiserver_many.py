"""docs/many.md's commands, as a shell runs them, on a real API server: to many vCenters, and back to one."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.manifests import Manifest
from tests.conformance.apiserver import ADMINISTRATOR, NEEDED, ApiServer, binary, run_api_server
from tests.conformance.applying import Applier
from tests.conformance.crds import definitions
from tests.docs.pages import blocks, page, section
from tests.support.kustomize import build
from tests.support.manifest_files import CONFIG, FOLDERS, NAMESPACE, ROOT, container, the
from tests.support.processes import process
from tests.support.recording_sink import RecordingSink, recording_sink
from tests.support.simulator_control import LOGIN, post_events, posted_events
from tests.support.waiting import eventually
from vcenter_functions.testing import SimulatedVcenter, simulate_vcenter, write_vcenters
from vcenter_source.state.shared_lease import LABEL

KUBECTL = binary("kubectl")
pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(180),
    NEEDED,
    pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH"),
]
FILE = "- {name: east, url: vcenter.example.com, username: u, password: p}\n"


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
        return self.server.get(f"{path.partition(' ')[0]}/namespaces/{NAMESPACE}/{path.partition(' ')[2]}")


@pytest.fixture(scope="module")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "config").symlink_to(ROOT / "config")
    (folder / "functions").symlink_to(ROOT / "functions")
    with run_api_server(folder) as server:
        applier = Applier(server)
        for each in definitions():
            applier.create(each)
        server.kubeconfig(folder / "kubeconfig", ADMINISTRATOR, "default")
        for manifest in [*FOLDERS["knative"], *FOLDERS["knative-ha"]]:
            server.eventually_serves(manifest.document["apiVersion"], manifest.kind)
        yield Shell(server, folder)


@pytest.fixture
def shell(api_server: Shell) -> Shell:
    """A cluster with config/knative, and nothing of many vCenters."""
    if api_server.get("/api/v1 serviceaccounts/vcenter-source") is not None:
        for what in (
            "deployment,sinkbinding,poddisruptionbudget -l app.kubernetes.io/instance=vcenter-source-many",
            "secret vcenters --ignore-not-found",
            "lease --all",
            "configmap vcenter-source-checkpoint",
        ):
            api_server.execute(f"kubectl -n vcenter-source delete {what}")
    api_server.execute("kubectl apply -f config/knative")
    return api_server


SOURCE = "/apis/sources.knative.dev/v1 containersources/vcenter-source"
ADAPTERS = "/apis/apps/v1 deployments/vcenter-source"
PYTAG = "/apis/apps/v1 deployments/pytag"
ROLE = "/apis/rbac.authorization.k8s.io/v1 roles/vcenter-source"
SECRET = "/api/v1 secrets/vcenters"


def variables(shell: Shell) -> set[str]:
    return {each["name"] for each in shell.get(PYTAG)["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_the_way_to_many_vcenters_and_back(shell: Shell) -> None:
    (shell.folder / "vcenters.yaml").write_text(FILE)
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
    shell.server.request("POST", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases", lease)
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


@contextmanager
def adapter(shell: Shell, workload: Manifest, name: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """The adapter of a manifest as a process, with the token of its service account."""
    token = shell.server.token_of(NAMESPACE, "vcenter-source")
    config = shell.server.kubeconfig(shell.folder / f"kubeconfig-{name}", token, NAMESPACE)
    given = {each["name"]: each["value"] for each in container(workload)["env"] if "value" in each}
    given |= {"DEAD_LETTER_SINK": "", "OTEL_RESOURCE_ATTRIBUTES": "", "KUBECONFIG": str(config), "POD_NAME": name}
    with process("vcenter_source", "run", **given | {"START_FROM": "beginning"} | settings) as running:
        yield running


def find_holders(shell: Shell) -> set[str]:
    """The adapters that hold a Lease."""
    leases = shell.server.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases")["items"]
    return {holder for each in leases if (holder := each["spec"].get("holderIdentity"))}


def count_delivered(sink: RecordingSink) -> "Counter[tuple[str, str]]":
    """How often each event has come, but for those of the adapters' own sessions."""
    with sink.lock:
        headers = [message.headers for message in sink.requests]
    return Counter((each["ce-source"], each["ce-id"]) for each in headers if ".session." not in each["ce-type"])


def count_posted(*vcenters: SimulatedVcenter) -> "Counter[tuple[str, str]]":
    events = [(each.source, event) for each in vcenters for event in posted_events(each.simulator)]
    return Counter((source, str(event["key"])) for source, event in events if "Session" not in event["class"])


def test_adapters_take_over_from_the_single_one_and_it_from_them(shell: Shell) -> None:
    """With the rights of the shipped Roles. Forwards nothing comes twice; back again all is there, some of it twice."""
    (many,) = (each for each in build(CONFIG / "knative-many") if (each.kind, each.name) == ("Deployment", NAMESPACE))
    with simulate_vcenter() as east, simulate_vcenter() as west, recording_sink() as sink:

        def is_all_there() -> bool:
            return count_delivered(sink) == count_posted(east, west)

        alone = {"VCENTER_URL": east.url, "VCENTER_SECRET_PATH": "", "K_SINK": sink.url, **LOGIN}
        sharing = {"VCENTERS_FILE": str(shell.folder / "vcenters.yaml"), "K_SINK": sink.url}
        post_events(east.simulator, 40)
        with adapter(shell, the("ContainerSource"), "old", **alone) as old:
            eventually(is_all_there)
            write_vcenters(shell.folder, {"east": east, "west": west})
            shell.run("## From a single vCenter to many", 0)
            with adapter(shell, many, "a", **sharing) as one, adapter(shell, many, "b", **sharing) as other:
                post_events(west.simulator, 40)
                eventually(is_all_there)
                eventually(lambda: len(find_holders(shell)) == 3)  # the old one holds its Lease
                post_events(east.simulator, 40)
                eventually(is_all_there)
                stop(old)
                post_events(east.simulator, 40)
                eventually(is_all_there)
                stop(one, other)
        checkpoints = shell.get("/api/v1 configmaps/vcenter-source-checkpoint")["data"]
        assert {"east.json", "west.json"} <= set(checkpoints)
        post_events(east.simulator, 40)
        shell.run("## From a single vCenter to many", 2)
        with adapter(shell, the("ContainerSource"), "old", **alone) as old:
            eventually(lambda: count_posted(east).keys() <= count_delivered(sink).keys())
            stop(old)


def stop(*adapters: "subprocess.Popen[str]") -> None:
    for each in adapters:
        each.send_signal(signal.SIGTERM)
        assert each.wait(30) == 0
