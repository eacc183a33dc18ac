"""Several adapters with one Lease and one ConfigMap: one delivers, nothing is lost, and no two deliver at once.

The adapters, the simulated vCenter and the sink are processes of their own; the API server is that of these tests.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guarantees.support import World
from tests.guarantees.verification import prove
from tests.state.cluster import CHECKPOINT, DURATION, LEASE, WINDOW, Cluster
from tests.support import loopback
from tests.support.kube_api import NAMESPACE, KubeApi, kube_api, kubeconfig
from tests.support.waiting import eventually
from vcenter_source.state.lease import RETRY_PERIOD

Pods = Cluster[KubeApi]


@pytest.fixture
def cluster(world: World, tmp_path: Path) -> Iterator[Pods]:
    with kube_api() as api:
        world.sink.behave(delay=0.05)
        world.simulator.post(1000)
        yield Cluster(world, api, kubeconfig(tmp_path, api))


def test_a_leader_that_is_killed_is_succeeded_when_its_lease_has_expired(cluster: Pods) -> None:
    first, _ = cluster.pair()
    cluster.delivers("a", 50)
    first.end(signal.SIGKILL)
    cluster.delivers("b", 50)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=3 * WINDOW)
    assert cluster.senders() == ["a", "b"]
    assert cluster.spec()["leaseTransitions"] == 1


@pytest.mark.timeout(120)
def test_a_leader_that_is_frozen_is_succeeded_and_delivers_nothing_when_it_thaws(cluster: Pods) -> None:
    first, second = cluster.pair()
    cluster.delivers("a", 50)
    os.kill(first.pid, signal.SIGSTOP)
    cluster.delivers("b", 50)
    os.kill(first.pid, signal.SIGCONT)
    first.wait_for("stopped delivering")
    first.wait_for("standing by")
    cluster.delivers("b", 100)
    assert cluster.senders() == ["a", "b"]
    cluster.world.simulator.post(400)  # the second one may have delivered all that were there
    second.end(signal.SIGKILL)  # the first one, in the same process, takes its turn again
    cluster.delivers("a", 300)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=6 * WINDOW)
    assert cluster.senders() == ["a", "b", "a"]
    assert first.runs


def test_a_leader_that_is_stopped_hands_over_at_once_and_nothing_is_sent_twice(cluster: Pods) -> None:
    first, second = cluster.pair()
    cluster.delivers("a", 50)
    assert first.end(signal.SIGTERM) == 0
    assert first.saying("undelivered=0")
    cluster.delivers("b")
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=0)
    assert cluster.senders() == ["a", "b"]
    assert second.end(signal.SIGTERM) == 0


def test_who_stands_by_is_stopped_at_once(cluster: Pods) -> None:
    _, second = cluster.pair()
    holder = cluster.spec()["holderIdentity"]
    assert second.end(signal.SIGTERM) == 0
    assert cluster.spec()["holderIdentity"] == holder


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [503, pytest.param("hang", marks=pytest.mark.guarantees)])
def test_while_the_api_server_is_away_nobody_delivers_and_then_they_go_on(cluster: Pods, fault: Any) -> None:
    first, second = cluster.pair()
    cluster.delivers("a", 50)
    cluster.api.fault, away = fault, time.monotonic()
    first.wait_for("stopped delivering")
    first.wait_for("trying again", times=len(first.saying("trying again")) + 2)
    expires = away - DURATION * RETRY_PERIOD + DURATION  # where it was renewed as long ago as that
    assert max(each.at for each in cluster.world.sink.requests()) < expires
    cluster.api.fault = None
    cluster.world.deliver(first, 50)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=1000)
    assert first.runs
    assert second.runs


def test_a_vcenter_that_is_away_when_the_lease_is_won_again_is_waited_for(cluster: Pods) -> None:
    adapter = cluster.adapter("a", LEASE_DURATION="2")
    cluster.delivers("a", 50)
    cluster.world.simulator.fault("status", status=503, count=10_000, path="/sdk")
    cluster.api.fault = 503
    adapter.wait_for("stopped delivering")
    cluster.api.fault = None
    adapter.wait_for("cannot begin to deliver again")
    cluster.world.simulator.mended()
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=1000)
    assert adapter.runs


def test_standing_by_is_ready_and_says_so(cluster: Pods) -> None:
    cluster.pair()
    third = cluster.adapter("c", HEALTH_HOST="127.0.0.1", HEALTH_PORT="0", HEALTH_STALE_AFTER="0.5")
    port = third.wait_for("serving /healthz").rpartition("port=")[2].strip()
    third.wait_for("standing by")
    url = f"http://127.0.0.1:{port}"
    answer = loopback.get(f"{url}/readyz")
    why = f"standby: {cluster.spec()['holderIdentity']} is leading"
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "checks": {"lease": {"ok": True, "why": why}}})
    assert 'vcenter_source_leading{vcenter="127.0.0.1"} 0.0' in loopback.get(f"{url}/metrics").text
    cluster.api.fault = 503
    eventually(lambda: loopback.get(f"{url}/readyz").status_code == 503)
    assert (
        "standby, and the Lease has not been read for" in loopback.get(f"{url}/readyz").json()["checks"]["lease"]["why"]
    )


@pytest.mark.parametrize("missing", ["leases", "configmaps"])
def test_without_permission_it_ends_with_one_clear_line(cluster: Pods, missing: str) -> None:
    cluster.api.denied = {("create", missing)}
    adapter = cluster.adapter("a")
    assert adapter.ended() == 1
    setting = {"leases": "LEASE", "configmaps": "CHECKPOINT"}[missing]
    assert f"{setting}: may not create {missing} in namespace {NAMESPACE}: " in adapter.lines[-1]
    assert not [line for line in adapter.lines if "Traceback" in line]
    assert (cluster.api.get("leases", LEASE) or {"spec": {}})["spec"].get("holderIdentity") is None, "kept it"


def test_a_checkpoint_in_a_configmap_outlives_the_adapter(cluster: Pods) -> None:
    adapter = cluster.adapter("a", LEASE="")
    cluster.delivers("a", 50)
    assert adapter.end(signal.SIGTERM) == 0
    cluster.world.sink.behave()
    cluster.adapter("b", LEASE="")
    prove(cluster.world.settle(), duplicates=0)


def test_without_a_lease_an_api_server_that_is_away_stops_no_event(cluster: Pods) -> None:
    adapter = cluster.adapter("a", LEASE="")
    cluster.delivers("a", 50)
    cluster.api.fault = 500
    adapter.wait_for("checkpoint not saved, trying again")
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=0)
    newest = max(key for key, _ in cluster.world.expect())
    cluster.api.fault = None
    assert adapter.end(signal.SIGTERM) == 0
    found = cluster.api.get("configmaps", CHECKPOINT)
    assert found is not None
    assert json.loads(found["data"]["checkpoint.json"])["last"][0] >= newest


def test_without_a_lease_the_older_of_two_notices_that_it_has_been_overtaken(cluster: Pods) -> None:
    older = cluster.adapter("a", LEASE="")
    cluster.delivers("a", 50)
    cluster.adapter("b", LEASE="")
    assert older.ended() == 1
    assert "has taken over ConfigMap" in older.lines[-1]
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=1000)


def test_a_lease_that_is_deleted_and_applied_again_ends_neither_of_two(cluster: Pods) -> None:
    first, second = cluster.pair()
    cluster.delivers("a", 20)
    for _ in range(4):
        cluster.api.delete("leases", LEASE)
        cluster.api.put("leases", LEASE, {"metadata": {"name": LEASE}})
        eventually(lambda: cluster.spec().get("holderIdentity"), lambda: first.output + second.output)
        cluster.world.deliver(first, 20)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=1000)
    assert (first.runs, second.runs) == (True, True)


def test_both_objects_applied_anew_and_who_stood_by_goes_on_where_the_other_was(cluster: Pods) -> None:
    """With START_FROM=now it would otherwise pass over all that the other has not delivered."""
    first = cluster.adapter("a")
    first.wait_for("leading")
    second = cluster.adapter("b", START_FROM="now")
    second.wait_for("standing by")
    cluster.delivers("a", 50)
    eventually(lambda: cluster.kept() is not None, lambda: first.output)
    asked = cluster.api.verbs("configmaps").count("get")
    eventually(lambda: cluster.api.verbs("configmaps").count("get") > asked + 3, lambda: second.output)
    os.kill(first.pid, signal.SIGSTOP)  # or it might write the checkpoint anew before the other reads it
    for resource, name in (("configmaps", CHECKPOINT), ("leases", LEASE)):
        cluster.api.delete(resource, name)
        cluster.api.put(resource, name, {"metadata": {"name": name}})
    cluster.delivers("b", 1)
    first.end(signal.SIGKILL)
    cluster.world.sink.behave()
    prove(cluster.world.settle(), duplicates=1000)


@pytest.mark.parametrize("lease", [LEASE, ""], ids=["lease", "alone"])
def test_a_checkpoint_that_is_deleted_and_applied_again_is_kept_over_a_kill(cluster: Pods, lease: str) -> None:
    """With the shipped Role, which may create none, and START_FROM=now, which would pass over what came between."""
    for resource, name in (("configmaps", CHECKPOINT), ("leases", LEASE)):
        cluster.api.put(resource, name, {"metadata": {"name": name}})
        cluster.api.denied.add(("create", resource))
    adapter = cluster.adapter("a", LEASE=lease)
    cluster.delivers("a", 50)
    cluster.api.delete("configmaps", CHECKPOINT)
    adapter.wait_for("may not create configmaps")
    cluster.api.put("configmaps", CHECKPOINT, {"metadata": {"name": CHECKPOINT}})
    before = len(cluster.world.sink.requests())
    cluster.delivers("a", before + 50)
    eventually(lambda: cluster.kept() is not None, lambda: adapter.output)
    adapter.end(signal.SIGKILL)
    cluster.world.simulator.post(50)
    cluster.world.sink.behave()
    cluster.adapter("b", LEASE=lease, START_FROM="now")
    prove(cluster.world.settle(), duplicates=3 * WINDOW)
