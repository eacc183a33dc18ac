"""Sharing and Lease against a model of all around them: adapters join, stop, die, freeze and lose the API server."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.state.sharing_model import ModelApi, ModelLoop, World
from tests.support.virtual_time import run_virtually
from vcenter_source.state import shared_lease, sharing
from vcenter_source.state.shared_lease import SharedLease


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing is logged: there would be thousands of lines."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def simulate(seed: int, vcenters: int = 13, adapters: int = 4, turmoil: float = 80) -> World:
    """Run a world; its number of vCenters divides evenly among no number of adapters."""
    world = World(seed, [f"vc-{number}" for number in range(vcenters)], most=adapters)
    run_virtually(world.run(turmoil, calm=80), ModelLoop)
    return world


def simulate_many(seeds: int) -> None:
    for seed in range(seeds):
        simulate(seed)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_goes_wrong_no_two_have_one_vcenter_and_none_waits_for_long(seed: int) -> None:
    simulate(seed)


@pytest.mark.guarantees
@pytest.mark.timeout(600)
def test_whatever_goes_wrong_among_many() -> None:
    simulate(0, vcenters=500, adapters=20, turmoil=60)


def break_compare_and_swap(patch: pytest.MonkeyPatch) -> None:
    """A write goes over what others have written since."""
    write = ModelApi.write

    def overwrite(api: ModelApi, name: str, content: dict[str, Any], now: float) -> dict[str, Any]:
        current = (api.read(name) or {}).get("metadata", {}).get("resourceVersion")
        return write(api, name, content | {"metadata": content["metadata"] | {"resourceVersion": current}}, now)

    patch.setattr(ModelApi, "write", overwrite)


def break_expiry(patch: pytest.MonkeyPatch) -> None:
    """A Lease is taken after seven seconds instead of twelve, while its holder counts on eight."""
    patch.setattr(SharedLease, "_expires_in", lambda self: -self._free_for())
    free_for = SharedLease._free_for
    patch.setattr(SharedLease, "_free_for", lambda self: free_for(self) + (5.0 if self.holder else 0.0))


def break_reservation(patch: pytest.MonkeyPatch) -> None:
    """What is released for one who has asked is anybody's at once, such as its last holder's."""
    patch.setattr(shared_lease, "LEFT_ALONE", 0.0)


def break_modesty(patch: pytest.MonkeyPatch) -> None:
    """An adapter asks for one that makes it have more than the other."""
    patch.setattr(sharing, "UNEVEN", 1)


@pytest.mark.parametrize(
    ("mutation", "finding"),
    [
        (break_compare_and_swap, r"vc-\d+: adapter-\d+ and adapter-\d+"),
        (break_expiry, r"vc-\d+: adapter-\d+ and adapter-\d+"),
        (break_reservation, r"\[.*\]|more than taken once"),
        (break_modesty, r"\[.*\]|something moves on|more than taken once"),
    ],
)
def test_the_model_finds_what_is_broken(monkeypatch: pytest.MonkeyPatch, mutation: Any, finding: str) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError, match=finding):
        simulate_many(10)
