"""The Lease, over real HTTP: who may have it when, by whose clock, and what is told of it."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.kube_api import NAMESPACE, KubeApi
from vcenter_source.commands.leadership import hold
from vcenter_source.core.errors import ConfigurationError, KubernetesForbiddenError, LeaseLostError, OvertakenError
from vcenter_source.settings.source import load
from vcenter_source.state import kube
from vcenter_source.state.lease import Lease, do_nothing, machine_time
from vcenter_source.wiring import build_checkpoint_store

NAME = "vcenter-source"
DURATION = 15


@dataclass
class Holder:
    """An adapter, as far as the Lease goes, with a clock of its own: sleeping is what makes time go by."""

    lease: Lease = field(init=False)
    now: float
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[float], None] = lambda _: None
    """Called with its time at the beginning of each sleep."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        assert len(self.slept) < 1000, "it never gets the Lease"
        self.meanwhile(self.now)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Place:
    api: KubeApi
    cluster: kube.Cluster

    def holder(self, name: str, now: float = 1_000.0, timeout: float = 5.0) -> Holder:
        holder = Holder(now)
        stored = self.cluster.locate(kube.LEASE, NAME, "LEASE", timeout)
        holder.lease = Lease(stored, name, duration=DURATION, clock=lambda: holder.now, sleep=holder.sleep)
        return holder

    def spec(self) -> dict[str, Any]:
        found = self.api.get("leases", NAME)
        assert found is not None
        spec: dict[str, Any] = found["spec"]
        return spec


@pytest.fixture
def place(cluster_api: KubeApi) -> Place:
    return Place(cluster_api, kube.connect())


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def test_a_lease_that_is_not_there_is_made_and_names_its_holder(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    assert one.lease.is_held
    spec = place.spec()
    assert spec["acquireTime"] == spec["renewTime"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", DURATION, 0)


def test_a_lease_that_was_made_empty_beforehand_needs_no_permission_to_create_any(place: Place) -> None:
    place.api.put("leases", NAME, {"metadata": {"name": NAME, "labels": {"a": "b"}}})
    place.api.denied = {("create", "leases")}
    one = place.holder("one")
    run(one.lease.acquire())
    assert place.spec()["holderIdentity"] == "one"
    found = place.api.get("leases", NAME)
    assert found is not None
    assert found["metadata"]["labels"] == {"a": "b"}


def test_a_lease_that_is_not_renewed_is_taken_when_it_was_seen_unchanged_for_its_duration(place: Place) -> None:
    one, two = place.holder("one"), place.holder("two")
    run(one.lease.acquire())
    run(two.lease.acquire())
    waited = sum(two.slept)
    assert waited == DURATION
    assert max(two.slept) <= 2, "a release would be noticed late"
    spec = place.spec()
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("two", 1)


@pytest.mark.parametrize("ahead", [-1e9, 1e9])
def test_clocks_of_holders_are_never_compared(place: Place, ahead: float) -> None:
    one, two = place.holder("one"), place.holder("two", now=1_000.0 + ahead)
    run(one.lease.acquire())
    stale = {**place.spec(), "renewTime": "1999-01-01T00:00:00.000000Z", "acquireTime": "2999-01-01T00:00:00.000000Z"}
    place.api.put("leases", NAME, {"spec": stale})
    run(two.lease.acquire())
    assert sum(two.slept) == DURATION


def test_as_long_as_it_is_renewed_nobody_takes_it_however_slow_the_clock_of_its_holder(place: Place) -> None:
    one, two = place.holder("one"), place.holder("two")
    run(one.lease.acquire())
    began = two.now

    def renew(now: float) -> None:
        if now < began + 100:
            one.now += 0.1
            one.lease._acquire_or_renew()

    two.meanwhile = renew
    run(two.lease.acquire())
    assert two.now >= began + 100 + DURATION - 2


def test_the_holders_duration_counts_not_that_of_who_waits(place: Place) -> None:
    place.api.put(
        "leases", NAME, {"metadata": {"name": NAME}, "spec": {"holderIdentity": "older", "leaseDurationSeconds": 60}}
    )
    one = place.holder("one")
    run(one.lease.acquire())
    assert sum(one.slept) == 60


def test_the_fence_closes_before_another_may_take_it(place: Place) -> None:
    one, two = place.holder("one"), place.holder("two")
    run(one.lease.acquire())
    run(two.lease._attempt())
    one.now += 9.9
    one.lease.check_held()
    one.now += 0.2
    assert not one.lease.is_held
    with pytest.raises(LeaseLostError, match=f"LEASE: Lease {NAMESPACE}/{NAME} was not renewed in time"):
        one.lease.check_held()
    two.now += 10.1
    assert not run(two.lease._attempt()), "with five seconds for what the other had on its way"


def test_the_fence_counts_from_before_a_renewal_was_asked_for(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())

    def slow(verb: str, _: str) -> bool:
        one.now += 9
        return False

    place.api.faulty = slow
    run(one.lease._attempt())
    one.now += 1.1
    assert not one.lease.is_held


def test_a_leader_that_cannot_renew_is_told_so_when_its_time_is_over(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    began, place.api.fault = one.now, 500
    assert run(one.lease._attempt()), "one failure ends nothing"
    assert "etcdserver: leader changed" in one.lease.connection.reason
    with pytest.raises(LeaseLostError, match="was not renewed in time"):
        run(one.lease.watch())
    assert one.now == pytest.approx(began + 10), "five seconds before another may take it"
    place.api.fault = None
    run(one.lease.acquire())
    assert one.lease.is_held, "nobody else has taken it, and it need not wait for itself"


def test_who_cannot_have_it_yet_asks_no_faster_than_it_would_renew(place: Place) -> None:
    one = place.holder("one")
    place.api.fault = 500

    def back(now: float) -> None:
        if now > 1_060:
            place.api.fault = None

    one.meanwhile = back
    run(one.lease.acquire())
    assert min(one.slept) == pytest.approx(2)


def test_a_leader_that_is_overtaken_learns_by_whom(place: Place) -> None:
    one, two = place.holder("one"), place.holder("two")
    run(one.lease.acquire())
    one.now += 1000  # it was stopped
    run(two.lease.acquire())
    assert not one.lease.is_held
    with pytest.raises(LeaseLostError, match="is held by two now"):
        run(one.lease.renew_regularly())
    assert not one.lease.is_held
    two.lease.check_held()


def test_a_leader_ends_as_soon_as_somebody_has_given_the_lease_to_another(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    place.api.put("leases", NAME, {"spec": place.spec() | {"holderIdentity": "two"}})
    assert one.lease.is_held
    with pytest.raises(LeaseLostError, match="is held by two now"):
        run(one.lease.renew_regularly())
    assert not one.lease.is_held


def test_a_release_after_a_renewal_whose_answer_was_lost_frees_it_all_the_same(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    place.api.put("leases", NAME, {"spec": place.spec()})  # the renewal
    run(one.lease.release())
    assert not place.spec()["holderIdentity"]


def test_a_lease_that_was_deleted_is_made_anew(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    place.api.delete("leases", NAME)
    assert not run(one.lease._attempt()), "another may have made it meanwhile"
    assert run(one.lease._attempt())


@pytest.mark.parametrize("name", ["leader", "standby"])
def test_a_lease_that_was_deleted_is_waited_for_where_it_may_not_be_made(place: Place, name: str) -> None:
    holders = {"leader": place.holder("leader"), "standby": place.holder("standby")}
    run(holders["leader"].lease.acquire())
    assert not run(holders["standby"].lease._attempt())
    place.api.denied = {("create", "leases")}
    place.api.delete("leases", NAME)
    waiting = holders[name]
    assert not run(waiting.lease._attempt())
    assert not waiting.lease.is_held

    def apply_again(_: float) -> None:
        if len(waiting.slept) == 3:
            place.api.put("leases", NAME, {"metadata": {"name": NAME}})

    waiting.meanwhile = apply_again
    run(waiting.lease.acquire())
    assert (len(waiting.slept), waiting.lease.connection.reason) == (3, "")
    assert place.spec()["holderIdentity"] == name


def test_of_two_that_find_it_free_at_once_one_gets_it(place: Place) -> None:
    place.api.put("leases", NAME, {"metadata": {"name": NAME}})
    one, two = place.holder("one"), place.holder("two")
    overtaking: list[str] = []

    def overtake(verb: str, _: str) -> bool:
        if verb == "update" and not overtaking:
            overtaking.append(verb)
            place.api.put("leases", NAME, {"spec": {"holderIdentity": "two", "leaseDurationSeconds": DURATION}})
        return False

    place.api.faulty = overtake
    assert not run(one.lease._attempt())
    assert (one.lease.holder, place.spec()["holderIdentity"]) == ("two", "two")
    assert run(two.lease._attempt())


def test_a_lease_that_is_released_is_taken_at_once(place: Place) -> None:
    one, two = place.holder("one"), place.holder("two")
    run(one.lease.acquire())
    assert not run(two.lease._attempt())
    run(one.lease.release())
    assert not one.lease.is_held
    run(two.lease.acquire())
    assert two.slept == []
    assert place.spec()["leaseTransitions"] == 1


def test_nobody_releases_what_is_anothers(place: Place) -> None:
    one, two = place.holder("one"), place.holder("two")
    run(one.lease.acquire())
    run(two.lease.acquire())
    run(one.lease.release())
    assert place.spec()["holderIdentity"] == "two"


def test_a_release_that_fails_is_no_failure(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    place.api.fault = 500
    run(one.lease.release())
    assert not one.lease.is_held


@pytest.mark.parametrize("fault", [500, 503, 429, 409, "cut", "hang", "page"])
def test_who_stands_by_waits_out_an_api_server_that_is_away(place: Place, fault: Any) -> None:
    one = place.holder("one", timeout=0.5)
    place.api.fault = fault

    def mend(_: float) -> None:
        assert one.lease.connection.reason
        if len(one.slept) == 2:
            place.api.fault = None

    one.meanwhile = mend
    run(one.lease.acquire())
    assert len(one.slept) == 2
    assert one.lease.connection.reason == ""


def test_a_renewal_whose_answer_was_lost_does_not_end_the_term(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    place.api.fault = "late"
    run(one.lease._attempt())
    place.api.fault = None
    run(one.lease._attempt())  # finds the conflict with itself
    one.now += 9
    assert run(one.lease._attempt())
    one.now += 9
    assert one.lease.is_held


@pytest.mark.parametrize("verb", ["get", "create", "update"])
def test_a_missing_permission_is_one_clear_line(place: Place, verb: str) -> None:
    place.api.denied = {(verb, "leases")}
    if verb == "update":
        place.api.put("leases", NAME, {"metadata": {"name": NAME}})
    with pytest.raises(KubernetesForbiddenError, match=f"LEASE: may not {verb} leases in namespace {NAMESPACE}: "):
        run(place.holder("one").lease.acquire())


def test_a_permission_that_goes_missing_ends_no_term_before_its_time(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    place.api.denied = {("update", "leases")}
    assert run(one.lease._attempt())
    assert "may not update leases" in one.lease.connection.reason


def test_what_others_write_in_the_lease_is_kept(place: Place) -> None:
    one = place.holder("one")
    run(one.lease.acquire())
    found = place.api.get("leases", NAME)
    assert found is not None
    place.api.put("leases", NAME, {"metadata": found["metadata"] | {"annotations": {"note": "hands off"}}})
    run(one.lease._attempt())  # finds the conflict
    assert run(one.lease._attempt())
    after = place.api.get("leases", NAME)
    assert after is not None
    assert after["metadata"]["annotations"] == {"note": "hands off"}


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "while a renewal is on its way"])
def test_who_has_lost_both_lease_and_checkpoint_stands_by_though_the_lease_is_free_again(
    place: Place, *, noticed: bool
) -> None:
    """The other adapter had both; then the Lease was applied again, so that the next renewal gets it."""
    lease = Lease(place.cluster.locate(kube.LEASE, NAME, "LEASE", 5.0), "one", duration=DURATION)

    async def deliver() -> None:
        async with hold(lease, do_nothing):
            place.api.delete("leases", NAME)
            place.api.put("leases", NAME, {"metadata": {"name": NAME}})
            if noticed:
                await lease.renew()  # meets another Lease than the one that it had
            else:
                lease._stale = True
            raise OvertakenError("CHECKPOINT: another adapter has taken it over")

    with pytest.raises(LeaseLostError):
        run(deliver())


def test_the_clock_goes_on() -> None:
    assert machine_time() <= machine_time()


LOGIN = {"VCENTER_URL": "vc", "VCENTER_USERNAME": "u", "VCENTER_PASSWORD": "p"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"LEASE": "Not a name"}, r"LEASE: 'Not a name': not \[namespace/\]name"),
        ({"LEASE": "a/b/c"}, r"LEASE: 'a/b/c': not \[namespace/\]name"),
        ({"LEASE": "name", "CHECKPOINT": "memory:"}, "LEASE: needs a CHECKPOINT that the next holder can read"),
        ({"LEASE": "name", "CHECKPOINT": "configmap://n", "LEASE_DURATION": "0"}, "LEASE_DURATION: '0': "),
    ],
)
def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str) -> None:
    for name, value in (LOGIN | {"CHECKPOINT": "configmap://name"} | given).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=words):
        load()


@pytest.mark.parametrize("address", ["configmap://", "configmap://a/b/c", "configmap://Name", "configmap:name", "name"])
def test_an_address_that_no_store_has_is_told(address: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"CHECKPOINT: .*set file:///.*, configmap://\[namespace/\]name or memory:"
    ):
        build_checkpoint_store(address)


def test_only_who_speaks_with_a_cluster_loads_its_packages() -> None:
    code = "import sys, vcenter_source.commands.run as _\nprint('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
