"""Checkpoint and Lease at a real kube-apiserver, with a token of the shipped Role: what changes or ends under them.

kube-apiserver and etcd are found in KUBEBUILDER_ASSETS or on PATH; CONTRIBUTING.md says how to get them.
"""

import json
import os
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.apiserver import NEEDED, ApiServer, run_api_server
from tests.conformance.applying import Applier
from tests.guarantees.support import World
from tests.guarantees.verification import prove
from tests.state.cluster import CHECKPOINT, LEASE, WINDOW, Cluster
from tests.support.manifest_files import NAMESPACE, of_kind
from tests.support.waiting import eventually
from vcenter_source.core.errors import KubernetesForbiddenError
from vcenter_source.state import kube
from vcenter_source.state.checkpoint.configmap import KEY, ConfigMapBook, ConfigMapStore

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180), NEEDED]
KINDS = ("ConfigMap", "Lease")


@dataclass
class Place:
    """An API server with what config/knative applies for the source."""

    server: ApiServer
    applier: Applier
    config: Path
    """A KUBECONFIG with the token of the source's service account."""

    def get(self, resource: str, name: str) -> dict[str, Any] | None:
        root = {"configmaps": "/api/v1", "leases": "/apis/coordination.k8s.io/v1"}[resource]
        return self.server.get(f"{root}/namespaces/{NAMESPACE}/{resource}/{name}")

    def apply(self) -> None:
        """Make both objects anew, empty; one that was there is gone then."""
        for manifest in ours():
            self.applier.create(manifest)

    def delete(self) -> None:
        for manifest in ours():
            self.server.request("DELETE", self.applier.path(manifest))


def ours() -> list[Any]:
    """The checkpoint's ConfigMap and the Lease, as they are shipped."""
    return [m.document for kind in KINDS for m in of_kind(kind) if m.name in {CHECKPOINT, LEASE}]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("apiserver")
    with run_api_server(folder) as server:
        applier = Applier(server)
        for kind in ("Namespace", "ServiceAccount", "Role", "RoleBinding"):
            for manifest in of_kind(kind):
                applier.create(manifest.document)
        config = server.kubeconfig(folder / "kubeconfig", server.token_of(NAMESPACE, "vcenter-source"), NAMESPACE)
        yield Place(server, applier, config)


@pytest.fixture
def cluster(place: Place, world: World) -> Cluster[Place]:
    place.apply()
    world.sink.behave(delay=0.05)
    world.simulator.post(1000)
    return Cluster(world, place, place.config)


def test_a_leader_that_is_killed_is_succeeded(cluster: Cluster[Place]) -> None:
    first, _ = cluster.pair()
    cluster.delivers("a", 50)
    first.end(signal.SIGKILL)
    cluster.delivers("b", 50)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=3 * WINDOW)
    assert cluster.senders() == ["a", "b"]


def test_a_leader_that_is_frozen_delivers_nothing_when_it_thaws(cluster: Cluster[Place]) -> None:
    first, _ = cluster.pair()
    cluster.delivers("a", 50)
    os.kill(first.pid, signal.SIGSTOP)
    cluster.delivers("b", 50)
    os.kill(first.pid, signal.SIGCONT)
    first.wait_for("standing by", times=1)
    cluster.delivers("b", 100)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=3 * WINDOW)
    assert cluster.senders() == ["a", "b"]


def test_a_leader_that_is_stopped_hands_over_at_once(cluster: Cluster[Place]) -> None:
    first, second = cluster.pair()
    cluster.delivers("a", 50)
    assert first.end(signal.SIGTERM) == 0
    cluster.delivers("b", 50)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=0)
    assert second.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("lease", [LEASE, ""], ids=["lease", "alone"])
def test_both_objects_deleted_and_applied_again_and_then_a_kill(cluster: Cluster[Place], lease: str) -> None:
    adapter = cluster.adapter("a", LEASE=lease)
    cluster.delivers("a", 50)
    cluster.api.delete()
    adapter.wait_for("lease not renewed" if lease else "may not create configmaps")
    cluster.api.apply()
    cluster.delivers("a", len(cluster.world.sink.requests()) + 50)
    eventually(lambda: cluster.kept() is not None, lambda: adapter.output)
    adapter.end(signal.SIGKILL)
    cluster.world.simulator.post(50)
    cluster.world.sink.behave()
    cluster.adapter("b", LEASE=lease, START_FROM="now")
    prove(cluster.world.settle(), duplicates=6 * WINDOW)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_the_api_server_is_away_nobody_delivers_and_then_they_go_on(cluster: Cluster[Place], how: str) -> None:
    first, second = cluster.pair()
    cluster.delivers("a", 50)
    if how == "killed":
        cluster.api.server.kill()
    else:
        cluster.api.server.signal(signal.SIGSTOP)
    first.wait_for("stopped delivering")
    before = len(cluster.world.sink.requests())
    if how == "killed":
        cluster.api.server.start()
    else:
        cluster.api.server.signal(signal.SIGCONT)
    eventually(lambda: len(cluster.world.sink.requests()) > before + 50, lambda: first.output + second.output)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=1000)
    assert (first.runs, second.runs) == (True, True)


def test_without_a_lease_an_api_server_that_is_away_stops_no_event(cluster: Cluster[Place]) -> None:
    adapter = cluster.adapter("a", LEASE="")
    cluster.delivers("a", 50)
    cluster.api.server.kill()
    adapter.wait_for("checkpoint not saved, trying again")
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=0)
    cluster.api.server.start()
    newest = max(key for key, _ in cluster.world.expect())
    eventually(lambda: cluster.kept() == newest, lambda: adapter.output)


def test_a_checkpoint_of_another_vcenter_is_removed_as_the_message_says(cluster: Cluster[Place]) -> None:
    other = {"owner": "x", "instanceUuid": "another", "last": None, "horizon": "2026-01-31T08:00:00Z"}
    found = cluster.api.get("configmaps", CHECKPOINT)
    assert found is not None
    kept = found | {"data": {KEY: json.dumps(other | {"acknowledged": []})}}
    path = cluster.api.applier.path(found)
    cluster.api.server.request("PUT", path, kept)
    adapter = cluster.adapter("a")
    assert adapter.ended() == 2
    *kubectl, patch = shlex.split(adapter.lines[-1].partition("at START_FROM: ")[2])
    assert kubectl == ["kubectl", "-n", NAMESPACE, "patch", "configmap", CHECKPOINT, "--type=merge", "-p"]
    merge = {"Content-Type": "application/merge-patch+json"}
    cluster.api.server.request("PATCH", path, json.loads(patch), headers=merge)
    cluster.adapter("b")
    cluster.delivers("b", 1)


def test_to_apply_the_manifests_again_changes_nothing_of_what_was_written(cluster: Cluster[Place]) -> None:
    cluster.adapter("a")
    cluster.delivers("a", 1)
    eventually(lambda: cluster.kept() is not None)
    assert cluster.spec()["holderIdentity"]
    assert [cluster.api.applier.changes(manifest) for manifest in ours()] == [[], []]


def test_the_role_allows_no_creation_whether_or_not_the_object_is_there(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What demo/kube_api.py does too: only reading tells."""
    monkeypatch.setenv("KUBECONFIG", str(place.config))
    place.apply()
    stored = kube.connect().locate(kube.CONFIG_MAP, CHECKPOINT, "CHECKPOINT")
    with pytest.raises(KubernetesForbiddenError, match="may not create configmaps"):
        stored.create({})
    ConfigMapStore(ConfigMapBook(stored), "one").claim()
    place.delete()
    with pytest.raises(KubernetesForbiddenError, match="may not create configmaps"):
        ConfigMapStore(ConfigMapBook(stored), "one").claim()
