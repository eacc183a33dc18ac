"""Every folder of config, taken strictly by a real kube-apiserver with RBAC and Pod Security, twice.

kube-apiserver and etcd are found in KUBEBUILDER_ASSETS or on PATH; CONTRIBUTING.md says how to get them.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from release.manifest import render_manifest
from tests.conformance.apiserver import ADMINISTRATOR, NEEDED, ApiServer, binary, run_api_server, speaker
from tests.conformance.applying import Applier
from tests.conformance.crds import definition, definitions
from tests.support.kustomize import build, write_overlay
from tests.support.manifest_files import CONFIG, FOLDERS, ROOT, everything, of_kind, the, title
from tests.support.processes import command
from vcenter_functions import __version__
from vcenter_source.commands.function.manifest import ManifestRequest, build_manifest

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180), NEEDED]
KUBECTL = binary("kubectl")
KUSTOMIZED = (".", "knative-many", "functions/notify")
"""Folders for kubectl apply -k."""
RELEASED = "vcenter-source.yaml"
"""What make release writes of config/knative."""

ALWAYS_SENT = {"PodDisruptionBudget": [".spec.selector (always sent)"]}
"""What kubectl sends whatever is there. Nothing changes by it, but it says "configured"."""

FUNCTION = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings
from vcenter_functions import Event, VCenter, on

class Settings(BaseSettings):
    token: SecretStr

@on("VmEvent", severity=["WARN", "ERROR"])
async def warn(event: Event, vcenter: VCenter, settings: Settings) -> None: ...

@on("*PoweredOnEvent")
async def stamp(event: Event) -> None: ...
"""


@pytest.fixture(scope="module")
def applier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applier]:
    """An API server that knows Knative's and the Prometheus Operator's kinds."""
    with run_api_server(tmp_path_factory.mktemp("apiserver")) as server:
        applier = Applier(server)
        for each in definitions():
            applier.create(each)
        server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "knative-eventing"}})
        for manifest in of_kind("Namespace", everything()):
            applier.create(manifest.document)
        for manifest in everything():
            server.eventually_serves(manifest.document["apiVersion"], manifest.kind)
        yield applier


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_folder_is_taken_without_a_warning_and_unchanged_the_second_time(applier: Applier, folder: str) -> None:
    applier.warnings.clear()
    for manifest in FOLDERS[folder]:
        applier.create(manifest.document)
    assert applier.warnings == []
    changes = {title(manifest): applier.changes(manifest.document) for manifest in FOLDERS[folder]}
    expected = {title(manifest): ALWAYS_SENT.get(manifest.kind, []) for manifest in FOLDERS[folder]}
    assert changes == expected


@pytest.mark.parametrize("ksvc", [False, True], ids=["deployment", "ksvc"])
def test_what_function_manifest_prints_is_taken_and_unchanged_the_second_time(
    applier: Applier, ksvc: bool, tmp_path: Path
) -> None:
    """With all that can be in it: vCenter, a Secret, two Triggers."""
    (tmp_path / "handler.py").write_text(FUNCTION)
    made = build_manifest(ManifestRequest(str(tmp_path), name="stamp", ksvc=ksvc)).format()
    documents = list(yaml.safe_load_all(made))
    applier.server.eventually_serves("serving.knative.dev/v1", "Service")
    applier.warnings.clear()
    for document in documents:
        applier.create(document)
    assert applier.warnings == []
    assert [change for document in documents for change in applier.changes(document)] == []


@pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH")
def test_a_pipe_into_kubectl_deploys_a_function_and_a_change_makes_new_pods(applier: Applier, tmp_path: Path) -> None:
    config = applier.server.kubeconfig(tmp_path / "kubeconfig", ADMINISTRATOR, "default")
    kubectl = [str(KUBECTL), "--kubeconfig", str(config), "apply", "--validate=strict", "-f", "-"]
    said = []
    for text in (FUNCTION, FUNCTION, FUNCTION.replace("WARN", "INFO")):
        (tmp_path / "handler.py").write_text(text)
        made = command("function", "manifest", str(tmp_path), "--name", "piped")
        assert made.returncode == 0, made.stderr
        done = subprocess.run(kubectl, input=made.stdout, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        said.append({line.partition("/")[0]: line.rpartition(" ")[2] for line in done.stdout.splitlines()})
    kinds = ["configmap", "networkpolicy.networking.k8s.io", "deployment.apps", "service"]
    triggers = "trigger.eventing.knative.dev"
    assert said[0] == dict.fromkeys([*kinds, triggers], "created")
    assert said[1] == dict.fromkeys([*kinds, triggers], "unchanged")
    changed = {kind for kind, what in said[2].items() if what == "configured"}
    assert changed - {triggers} == {"configmap", "deployment.apps"}


def test_a_field_that_nobody_knows_is_refused(applier: Applier) -> None:
    for manifest in everything():
        wrong = manifest.document["metadata"] | {"name": "wrong", "labelz": {}}
        with pytest.raises(AssertionError, match="unknown field"):
            applier.create({**manifest.document, "metadata": wrong})


@pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH")
@pytest.mark.parametrize("source", [*sorted(FOLDERS), *KUSTOMIZED, RELEASED])
def test_kubectl_says_so_too(applier: Applier, tmp_path: Path, source: str) -> None:
    option, path = "-k" if source in KUSTOMIZED else "-f", CONFIG / source
    if source == RELEASED:
        path = tmp_path / RELEASED
        path.write_text(render_manifest(ROOT, __version__, {}))
    manifests = build(path) if option == "-k" else FOLDERS.get(source, FOLDERS["knative"])

    def versions() -> list[str]:
        found = [applier.server.get(applier.path(manifest.document)) for manifest in manifests]
        return [each["metadata"]["resourceVersion"] for each in found if each is not None]

    config = applier.server.kubeconfig(tmp_path / "kubeconfig", ADMINISTRATOR, "default")
    command = [str(KUBECTL), "--kubeconfig", str(config), "apply", "--validate=strict", option, str(path)]
    subprocess.run(command, check=True, capture_output=True)  # adds its annotation to what is there already
    before = versions()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (done.stderr, versions()) == ("", before)
    changed = [line for line in done.stdout.splitlines() if not line.endswith(" unchanged")]
    budget = {"knative-ha": "vcenter-source-ha", "knative-many": "vcenter-source"}.get(source)
    assert changed == ([f"poddisruptionbudget.policy/{budget} configured"] if budget else [])


@pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH")
def test_dead_letters_that_were_only_printed_are_upgraded_by_apply(applier: Applier, tmp_path: Path) -> None:
    """An API server refuses "Recreate" beside what it has filled in for a rolling update; kubectl takes that away."""
    now = the("Deployment", "dead-letters").document
    applier.server.request("DELETE", applier.path(now))
    config = applier.server.kubeconfig(tmp_path / "kubeconfig", ADMINISTRATOR, "default")
    apply = [str(KUBECTL), "--kubeconfig", str(config), "apply", "--validate=strict", "-f", "-"]
    before = {**now, "spec": {name: value for name, value in now["spec"].items() if name != "strategy"}}
    for manifest in (before, now):
        subprocess.run(apply, input=yaml.safe_dump(manifest), text=True, check=True, capture_output=True)
    found = applier.server.get(applier.path(now))
    assert found is not None
    assert found["spec"]["strategy"] == {"type": "Recreate"}


def try_out(server: ApiServer, namespace: str) -> dict[str, int]:
    """What the API server answers to the adapter's account in a namespace, for each thing that it tries."""
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "vcenter-source-east"}}
    listing = {"labelSelector": "vcenter-source/lease=vcenter-source", "resourceVersion": "0"}
    tries: dict[str, tuple[str, str, Any]] = {
        "create lease": ("POST", leases, lease),
        "list leases": ("GET", f"{leases}?{urlencode(listing)}", None),
        "get lease": ("GET", f"{leases}/vcenter-source-east", None),
        "update lease": ("PUT", f"{leases}/vcenter-source-east", None),
        "get checkpoint": ("GET", f"{maps}/vcenter-source-checkpoint", None),
        "update checkpoint": ("PUT", f"{maps}/vcenter-source-checkpoint", None),
        "delete lease": ("DELETE", f"{leases}/vcenter-source-east", None),
        "patch lease": ("PATCH", f"{leases}/vcenter-source-east", {}),
        "watch leases": ("GET", f"{leases}?watch=1", None),
        "list configmaps": ("GET", maps, None),
        "get another configmap": ("GET", f"{maps}/pytag", None),
        "create configmap": ("POST", maps, {"metadata": {"name": "mine"}}),
        "delete checkpoint": ("DELETE", f"{maps}/vcenter-source-checkpoint", None),
        "read the credentials": ("GET", f"/api/v1/namespaces/{namespace}/secrets/vcenters", None),
        "list leases elsewhere": ("GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases", None),
        "list leases everywhere": ("GET", "/apis/coordination.k8s.io/v1/leases", None),
        "list pods": ("GET", f"/api/v1/namespaces/{namespace}/pods", None),
    }
    answers = {}
    with speaker(server.url, server.folder, server.token_of(namespace, "vcenter-source")) as client:
        for what, (verb, path, body) in tries.items():
            written = server.get(path) if verb == "PUT" else body  # with the version that an update has to name
            answers[what] = client.request(verb, path, json=written).status_code
    return answers


MAY = {
    "create lease": 201,
    "list leases": 200,
    "get lease": 200,
    "update lease": 200,
    "get checkpoint": 200,
    "update checkpoint": 200,
}
"""What adapters that share vCenters need, with its answer; all else is 403."""


@pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH")
def test_adapters_of_many_vcenters_may_do_what_they_need_and_no_more_in_any_namespace(
    applier: Applier, tmp_path: Path
) -> None:
    """The manifests of config/knative-many, moved to another namespace by an overlay."""
    shutil.copytree(CONFIG, tmp_path / "config")
    overlay = write_overlay(tmp_path, "team-a", ["config/knative-many"])
    config = applier.server.kubeconfig(tmp_path / "kubeconfig", ADMINISTRATOR, "default")
    command = [str(KUBECTL), "--kubeconfig", str(config), "apply", "--validate=strict", "-k", str(overlay)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    answers = try_out(applier.server, "team-a")
    assert {what: answer for what, answer in answers.items() if answer != 403} == MAY


CHANNEL = ("messaging.knative.dev/v1", "InMemoryChannel", {"spec": {"subscribers": [{"subscriberUri": "str"}]}})


@pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH")
def test_the_readmes_commands_show_a_subscriber_that_was_left_behind(applier: Applier, tmp_path: Path) -> None:
    """In a channel as Knative's controller writes it (pkg/reconciler/broker, pkg/reconciler/sugar/trigger/path)."""
    version, kind, fields = CHANNEL
    applier.create(definition(version, kind, fields))
    applier.server.eventually_serves(version, kind)
    trigger = the("Trigger").document
    applier.create(trigger)
    uid = (applier.server.get(applier.path(trigger)) or {})["metadata"]["uid"]
    base = "http://broker-filter.knative-eventing.svc.cluster.local/triggers/vcenter-source"
    addresses = [f"{base}/{trigger['metadata']['name']}/{uid}", f"{base}/gone/0000-1111"]
    spec = {"subscribers": [{"subscriberUri": address} for address in addresses]}
    metadata = {"name": "default-kne-trigger", "namespace": "vcenter-source"}
    applier.create({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    triggers, subscribers = run_commands("## Events that wait", applier.server, tmp_path)
    assert [each for each in subscribers if each.rpartition("/")[2] not in triggers] == addresses[1:]


def run_commands(heading: str, server: ApiServer, folder: Path) -> list[list[str]]:
    """What each command under a heading of docs/operations.md prints, in lines."""
    page = (CONFIG.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    block = page.partition(f"{heading}\n")[2].partition("```console\n")[2].partition("```")[0]
    config = server.kubeconfig(folder / "kubeconfig", ADMINISTRATOR, "default")
    path = f"{Path(str(KUBECTL)).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(config), "PATH": path}
    commands = block.replace("\\\n", " ").strip().removeprefix("$ ").split("\n$ ")
    run = partial(subprocess.run, shell=True, check=True, capture_output=True, text=True, env=environment)
    return [run(command).stdout.splitlines() for command in commands]
