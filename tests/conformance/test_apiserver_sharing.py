"""Sharing of vCenters by the Leases of a real kube-apiserver, with a token of the Role in config/knative-many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.apiserver import NEEDED, ApiServer, run_api_server
from tests.conformance.applying import Applier
from tests.state.sharing_adapters import BASE, VCENTERS, AdapterGroup
from tests.support import kustomize
from tests.support.manifest_files import CONFIG, NAMESPACE, of_kind
from tests.support.virtual_time import run_virtually
from vcenter_source.state import kube
from vcenter_source.state.shared_lease import LABEL

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180), NEEDED, kustomize.NEEDED]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """One of which KUBECONFIG tells, with what config/knative-many applies for the source."""
    with run_api_server(tmp_path) as server:
        applier = Applier(server)
        for kind in ("Namespace", "ServiceAccount", "Role", "RoleBinding"):
            for manifest in of_kind(kind, kustomize.build(CONFIG / "knative-many")):
                applier.create(manifest.document)
        config = server.kubeconfig(tmp_path / "kubeconfig", server.token_of(NAMESPACE, "vcenter-source"), NAMESPACE)
        monkeypatch.setenv("KUBECONFIG", str(config))
        yield server


def test_adapters_share_by_a_real_api_server(server: ApiServer) -> None:
    group = AdapterGroup(kube.connect())

    async def share() -> None:
        one = group.adapter("one")
        await group.wait_until_shared(9)
        group.adapter("two")
        await group.wait_until_shared(4, 5)
        three = group.adapter("three")
        await group.wait_until_shared(3, 3, 3)
        three.kill()
        await group.wait_until_shared(4, 5, within=15)
        await one.stop()
        await group.wait_until_shared(9)
        await group.pass_time(20)
        assert [adapter.losses for adapter in group.adapters] == [[], [], []]

    run_virtually(group.run(share()))
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    listed = server.request("GET", path, params={"labelSelector": f"{LABEL}={BASE}"})["items"]
    assert {(lease["metadata"]["name"], lease["spec"]["holderIdentity"]) for lease in listed} == {
        (f"{BASE}-{vcenter}", "two") for vcenter in VCENTERS
    }
