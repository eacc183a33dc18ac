"""Every folder of config, taken strictly by a real kube-apiserver with RBAC and Pod Security, twice.

kube-apiserver and etcd are found in KUBEBUILDER_ASSETS or on PATH; CONTRIBUTING.md says how to get them.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.apiserver import ADMINISTRATOR, NEEDED, ApiServer, binary, running
from tests.conformance.applying import Applier
from tests.conformance.crds import definitions
from tests.manifest_files import CONFIG, FOLDERS, everything, of_kind, title

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180), NEEDED]
KUBECTL = binary("kubectl")

ALWAYS_SENT = {"PodDisruptionBudget": [".spec.selector (always sent)"]}
"""What kubectl sends whatever is there. Nothing changes by it, but it says "configured"."""


@pytest.fixture(scope="module")
def applier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applier]:
    """An API server that knows Knative's and the Prometheus Operator's kinds."""
    with running(tmp_path_factory.mktemp("apiserver")) as server:
        applier = Applier(server)
        for each in definitions():
            applier.create(each)
        server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "knative-eventing"}})
        for manifest in of_kind("Namespace", everything()):
            applier.create(manifest.document)
        for manifest in everything():
            server.eventually_serves(manifest.document["apiVersion"], manifest.kind)
        yield applier


@pytest.fixture(scope="module")
def server(applier: Applier) -> ApiServer:
    return applier.server


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_folder_is_taken_without_a_warning_and_unchanged_the_second_time(applier: Applier, folder: str) -> None:
    applier.warnings.clear()
    for manifest in FOLDERS[folder]:
        applier.create(manifest.document)
    assert applier.warnings == []
    changes = {title(manifest): applier.changes(manifest.document) for manifest in FOLDERS[folder]}
    expected = {title(manifest): ALWAYS_SENT.get(manifest.kind, []) for manifest in FOLDERS[folder]}
    assert changes == expected


def test_a_field_that_nobody_knows_is_refused(applier: Applier) -> None:
    for manifest in everything():
        wrong = manifest.document["metadata"] | {"name": "wrong", "labelz": {}}
        with pytest.raises(AssertionError, match="unknown field"):
            applier.create({**manifest.document, "metadata": wrong})


@pytest.mark.skipif(KUBECTL is None, reason="NOT RUN: no kubectl in KUBEBUILDER_ASSETS or on PATH")
@pytest.mark.parametrize("source", [*sorted(FOLDERS), "."], ids=lambda source: "-k" if source == "." else source)
def test_kubectl_says_so_too(server: ApiServer, tmp_path: Path, source: str) -> None:
    config = server.kubeconfig(tmp_path / "kubeconfig", ADMINISTRATOR, "default")
    option = "-k" if source == "." else "-f"
    command = [str(KUBECTL), "--kubeconfig", str(config), "apply", "--validate=strict", option, str(CONFIG / source)]
    subprocess.run(command, check=True, capture_output=True)  # adds its annotation to what is there already
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    changed = [line for line in done.stdout.splitlines() if not line.endswith(" unchanged")]
    expected = {"knative-ha": ["poddisruptionbudget.policy/vcenter-source-ha configured"]}
    assert changed == expected.get(source, [])
