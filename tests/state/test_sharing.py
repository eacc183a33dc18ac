"""Sharing, over real HTTP and in virtual time: who has which vCenter, and how it is handed on."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.state.sharing_adapters import BASE, DURATION, PERIOD, VCENTERS, AdapterGroup, shares
from tests.support.kube_api import NAMESPACE, KubeApi
from tests.support.virtual_time import run_virtually
from vcenter_source.core.errors import ConfigurationError, KubernetesForbiddenError
from vcenter_source.settings.state import StateSettings
from vcenter_source.state import kube
from vcenter_source.state.shared_lease import LABEL, WANTED_BY
from vcenter_source.wiring import build_sharing

TAKEN_OVER_WITHIN = 15.0
"""Seconds after a kill."""


@dataclass
class Place(AdapterGroup):
    """A namespace in which adapters share vCenters."""

    api: KubeApi = field(kw_only=True)

    def get(self, vcenter: str) -> dict[str, Any]:
        found = self.api.get("leases", f"{BASE}-{vcenter}")
        assert found is not None
        return found

    def spec(self, vcenter: str) -> dict[str, Any]:
        spec: dict[str, Any] = self.get(vcenter)["spec"]
        return spec

    def wanted(self, vcenter: str) -> str:
        return str(self.get(vcenter)["metadata"].get("annotations", {}).get(WANTED_BY) or "")

    def transitions(self) -> int:
        return sum(self.spec(vcenter)["leaseTransitions"] for vcenter in VCENTERS)


@pytest.fixture
def place(cluster_api: KubeApi) -> Place:
    return Place(kube.connect(), api=cluster_api)


def run(place: Place, work: Coroutine[Any, Any, None]) -> None:
    run_virtually(place.run(work))


def test_one_adapter_takes_all_and_a_second_and_a_third_are_handed_their_shares(place: Place) -> None:
    async def share() -> None:
        one = place.adapter("one")
        await place.wait_until_shared(9, within=1)
        assert all(place.spec(vcenter)["holderIdentity"] == "one" for vcenter in VCENTERS)
        place.adapter("two", ahead=1e6)
        await place.wait_until_shared(4, 5)
        assert place.transitions() == 4
        place.adapter("three", ahead=-1e6)
        await place.wait_until_shared(3, 3, 3)
        moved = place.transitions()
        await place.pass_time(60)
        assert place.transitions() == moved <= 7
        assert shares(place.adapters) == [3, 3, 3]
        assert one.losses == []

    run(place, share())


def test_adapters_that_start_at_once_divide_the_vcenters(place: Place) -> None:
    async def share() -> None:
        for name in ("one", "two", "three"):
            place.adapter(name)
        await place.wait_until_shared(3, 3, 3)
        assert place.transitions() <= 7, "one of them took all before the others looked, and handed on six"

    run(place, share())


def test_the_vcenters_of_one_that_is_killed_are_divided_among_the_others(place: Place) -> None:
    async def share() -> None:
        adapters = [place.adapter(name) for name in ("one", "two", "three")]
        await place.wait_until_shared(3, 3, 3)
        await place.pass_time(10)
        adapters[0].kill()
        moved = place.transitions()
        assert await place.wait_until_shared(4, 5, within=TAKEN_OVER_WITHIN) > DURATION - PERIOD
        assert place.transitions() == moved + 3

    run(place, share())


def test_the_vcenters_of_one_that_is_stopped_are_divided_at_once_and_never_with_two(place: Place) -> None:
    async def share() -> None:
        adapters = [place.adapter(name, drain=2.0) for name in ("one", "two", "three")]
        await place.wait_until_shared(3, 3, 3)
        stopping = asyncio.create_task(adapters[0].stop())
        await place.wait_until_shared(0, 4, 5, within=2.0 + 2 * PERIOD)
        await stopping

    run(place, share())


def test_one_that_freezes_is_fenced_and_is_handed_a_share_again_when_it_thaws(place: Place) -> None:
    async def share() -> None:
        one, two = place.adapter("one"), place.adapter("two")
        await place.wait_until_shared(4, 5)
        one.freeze()
        await place.wait_until_shared(9, within=TAKEN_OVER_WITHIN)
        assert not any(one.sharing.lease(vcenter).is_held for vcenter in VCENTERS)
        one.thaw()
        await place.wait_until_shared(4, 5)
        assert len(one.losses) in {4, 5}
        assert two.losses == []

    run(place, share())


def test_while_the_api_server_is_away_all_stop_and_then_each_goes_on_with_what_it_had(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async def share() -> None:
        adapters = [place.adapter(name) for name in ("one", "two")]
        await place.wait_until_shared(4, 5)
        before = [set(adapter.has) for adapter in adapters]
        place.api.fault = 503
        await place.wait_until_shared(0, 0, within=DURATION * 2 / 3 + 0.2)
        assert "ServiceUnavailable" in adapters[0].sharing.connection.reason
        await place.pass_time(60)
        place.api.fault = None
        await place.wait_until_shared(4, 5, within=2 * PERIOD)
        assert [adapter.has for adapter in adapters] == before
        assert adapters[0].sharing.connection.reason == ""

    run(place, share())
    assert capsys.readouterr().out.count("lease not renewed or taken") == len(VCENTERS), "once for each Lease"


@pytest.mark.parametrize("fault", ["hang", "cut", "late", "page", 429])
def test_an_api_server_that_answers_nothing_useful_is_waited_out(place: Place, fault: Any) -> None:
    async def share() -> None:
        place.api.fault = fault
        place.adapter("one", VCENTERS[:3])
        place.adapter("two", VCENTERS[:3])
        await place.pass_time(2 * PERIOD)
        assert shares(place.adapters) == [0, 0]
        place.api.fault = None
        await place.wait_until_shared(1, 2, within=DURATION + 3 * PERIOD)

    run(place, share())


def test_vcenters_come_and_go(place: Place) -> None:
    async def share() -> None:
        adapters = [place.adapter(name, VCENTERS[:6]) for name in ("one", "two")]
        await place.wait_until_shared(3, 3)
        for adapter in adapters:
            adapter.update(VCENTERS)
        await place.wait_until_shared(4, 5)
        for adapter in adapters:
            adapter.update(VCENTERS[4:])
        await place.wait_until_shared(2, 3)
        assert set().union(*(adapter.has for adapter in adapters)) == set(VCENTERS[4:])
        assert not any(place.spec(vcenter)["holderIdentity"] for vcenter in VCENTERS[:4])
        for adapter in adapters:
            adapter.update(VCENTERS)
        await place.wait_until_shared(4, 5)

    run(place, share())


def test_an_adapter_that_dies_after_it_has_asked_holds_nothing_up(place: Place) -> None:
    async def share() -> None:
        one = place.adapter("one")
        await place.wait_until_shared(9)
        two = place.adapter("two")
        while not any(place.wanted(vcenter) for vcenter in VCENTERS):
            await place.pass_time(0.1)
        two.kill()
        await place.wait_until_shared(7)
        await place.wait_until_shared(9, within=4 * PERIOD)
        assert not any(place.wanted(vcenter) for vcenter in VCENTERS)
        assert one.losses == []

    run(place, share())


def test_a_lease_that_somebody_made_without_our_label_is_used_and_gets_it(place: Place) -> None:
    place.api.put("leases", f"{BASE}-vc-0", {"metadata": {"name": f"{BASE}-vc-0", "labels": {"a": "b"}}})

    async def share() -> None:
        place.adapter("one")
        await place.wait_until_shared(9)
        assert place.get("vc-0")["metadata"]["labels"] == {"a": "b", LABEL: BASE}

    run(place, share())


@pytest.mark.parametrize("verb", ["list", "create", "update"])
def test_a_missing_permission_is_one_clear_line(place: Place, verb: str) -> None:
    async def share() -> None:
        place.api.denied = {(verb, "leases")}
        if verb == "update":
            for vcenter in VCENTERS:
                place.api.put("leases", f"{BASE}-{vcenter}", {"metadata": {"name": f"{BASE}-{vcenter}"}})
        await place.adapter("one").sharing_task

    advice = f"a Role must allow list, get, create and update on all leases of namespace {NAMESPACE}"
    with pytest.raises(KubernetesForbiddenError, match=f"LEASE: may not {verb} leases .*; {advice}$"):
        run(place, share())


def test_who_may_not_ask_is_told_so_though_it_may_list(place: Place) -> None:
    async def share() -> None:
        place.adapter("one")
        await place.wait_until_shared(9)
        place.api.denied = {("update", "leases")}
        await place.adapter("two").sharing_task

    with pytest.raises(KubernetesForbiddenError, match="LEASE: may not update leases"):
        run(place, share())


def test_a_permission_that_goes_missing_later_ends_nothing(place: Place) -> None:
    async def share() -> None:
        place.adapter("one")
        await place.wait_until_shared(9)
        place.api.denied = {("list", "leases"), ("create", "leases")}
        await place.pass_time(20)
        await place.wait_until_shared(9)
        place.api.denied = set()
        place.adapter("two")
        await place.wait_until_shared(4, 5)

    run(place, share())


def test_a_lease_that_is_deleted_is_made_again(place: Place) -> None:
    async def share() -> None:
        for name in ("one", "two"):
            place.adapter(name)
        await place.wait_until_shared(4, 5)
        for vcenter in VCENTERS:
            place.api.delete("leases", f"{BASE}-{vcenter}")
        await asyncio.sleep(2 * PERIOD)
        await place.wait_until_shared(4, 5)

    run(place, share())


def test_more_adapters_than_vcenters_and_those_without_one_wait_quietly(place: Place) -> None:
    async def share() -> None:
        for number in range(4):
            place.adapter(f"adapter-{number}", VCENTERS[:2])
        await place.wait_until_shared(0, 0, 1, 1)
        await place.pass_time(5 * PERIOD)
        place.api.requests.clear()
        await place.pass_time(20)
        assert shares(place.adapters) == [0, 0, 1, 1]
        assert {body["spec"]["holderIdentity"] for verb, _, body in place.api.requests if verb == "update"} == {
            adapter.name for adapter in place.adapters if adapter.has
        }

    run(place, share())


def test_a_base_that_is_too_long_for_a_label_is_refused(cluster_api: KubeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster_api.url
    monkeypatch.setenv("CHECKPOINT", "configmap://checkpoint")
    monkeypatch.setenv("LEASE", f"{NAMESPACE}/{'a' * 63}")
    assert build_sharing(StateSettings())
    monkeypatch.setenv("LEASE", "a" * 64)
    with pytest.raises(ConfigurationError, match=r"LEASE: 'a+': has more than 63 characters"):
        build_sharing(StateSettings())
