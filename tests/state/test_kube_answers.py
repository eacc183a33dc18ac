"""Every answer of the API server to every verb, with the shipped Role, and a change under us meanwhile: it passes."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.state.checkpoints import saved
from tests.support.kube_api import NAMESPACE, KubeApi, kube_api, kubeconfig
from vcenter_source.core.errors import LeaseLostError, RetryableError
from vcenter_source.state import kube
from vcenter_source.state.checkpoint.configmap import KEY, ConfigMapBook, ConfigMapStore
from vcenter_source.state.lease import Lease

VERBS = ("get", "create", "update")
NUMBERS = (400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504)
PAGES = (200, 404)
ANSWERS: tuple[Any, ...] = (*NUMBERS, *((("page", status)) for status in PAGES), "cut", "hang", "late")
CHANGES = ("nothing", "deleted", "applied again")
CASES = list(itertools.product(VERBS, ANSWERS, CHANGES))

CHECKPOINT, LEASE = "checkpoint", "vcenter-source"
DURATION = 15
IMPATIENCE = 0.1
"""How long an answer that never comes is waited for, in seconds; any other is waited for as usual."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KubeApi, kube.Cluster]]:
    with kube_api() as api, pytest.MonkeyPatch.context() as patched:
        patched.setenv("KUBECONFIG", str(kubeconfig(tmp_path_factory.mktemp("kube"), api)))
        yield api, kube.connect()


@pytest.fixture
def cluster(place: tuple[KubeApi, kube.Cluster]) -> kube.Cluster:
    return place[1]


@pytest.fixture
def api(place: tuple[KubeApi, kube.Cluster]) -> KubeApi:
    """Both objects are there, empty, as config/knative/210-checkpoint.yaml makes them; none may be created."""
    server = place[0]
    server.fault, server.faulty = None, lambda verb, resource: True
    server.denied = {("create", "configmaps"), ("create", "leases")}
    server.kept.objects.clear()
    apply(server, "configmaps")
    apply(server, "leases")
    return server


def apply(api: KubeApi, resource: str) -> None:
    """As kubectl apply does: make what is missing, and leave alone what is there."""
    name = {"configmaps": CHECKPOINT, "leases": LEASE}[resource]
    if api.get(resource, name) is None:
        api.put(resource, name, {"metadata": {"name": name}})


def change(api: KubeApi, resource: str, what: str) -> None:
    if what != "nothing":
        api.delete(resource, {"configmaps": CHECKPOINT, "leases": LEASE}[resource])
    if what == "applied again":
        apply(api, resource)


def befall(api: KubeApi, resource: str, verb: str, answer: Any) -> None:
    api.fault = answer
    if isinstance(answer, tuple):
        api.fault, api.page_status = answer
    api.faulty = lambda asked, about: (asked, about) == (verb, resource)


@contextmanager
def waiting(who: ConfigMapStore | Lease, answer: Any) -> Iterator[None]:
    """For as long as is sensible where this is the answer."""
    asks: Any = who._book if isinstance(who, ConfigMapStore) else who
    name = "stored" if isinstance(who, ConfigMapStore) else "_stored"
    usual = getattr(asks, name)
    if answer == "hang":
        setattr(asks, name, replace(usual, timeout=IMPATIENCE))
    yield
    setattr(asks, name, usual)


def kept(api: KubeApi) -> Any:
    """What the ConfigMap says of the last event."""
    found = api.get("configmaps", CHECKPOINT)
    assert found is not None
    return orjson.loads(found["data"][KEY])["last"][0]


@pytest.mark.parametrize(("verb", "answer", "what"), CASES)
def test_a_checkpoint_is_saved_as_soon_as_it_can_be(
    api: KubeApi, cluster: kube.Cluster, verb: str, answer: Any, what: str
) -> None:
    store = ConfigMapStore(ConfigMapBook(cluster.locate(kube.CONFIG_MAP, CHECKPOINT, "CHECKPOINT")), "one")
    store.claim()
    store.save(saved(1))
    befall(api, "configmaps", verb, answer)
    change(api, "configmaps", what)
    for use in (lambda: store.save(saved(2)), store.check, lambda: store.save(saved(3))):
        with waiting(store, answer), suppress(RetryableError):
            use()
    api.fault = None
    apply(api, "configmaps")
    store.save(saved(4))
    assert kept(api) == 4
    assert store.check()


@pytest.mark.parametrize(("verb", "answer", "what"), CASES)
def test_a_lease_is_held_again_as_soon_as_it_can_be(
    api: KubeApi, cluster: kube.Cluster, verb: str, answer: Any, what: str
) -> None:
    now = 1000.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        assert now < 1000 + 4 * DURATION, "it never gets the Lease"

    async def lead() -> None:
        await lease.acquire()
        befall(api, "leases", verb, answer)
        change(api, "leases", what)
        with waiting(lease, answer), suppress(LeaseLostError):
            while now <= 1000 + 2 * DURATION:
                await lease._attempt()
                lease.check_held()
                await sleep(4)
        api.fault = None
        apply(api, "leases")
        await lease.acquire()

    stored = cluster.locate(kube.LEASE, LEASE, "LEASE")
    lease = Lease(stored, "one", duration=DURATION, clock=lambda: now, sleep=sleep)
    asyncio.run(lead())
    found = api.get("leases", LEASE)
    assert found is not None
    assert (lease.is_held, found["spec"]["holderIdentity"]) == (True, "one")


@pytest.mark.parametrize("answer", [404, ("page", 404), ("page", 200)], ids=str)
def test_only_the_api_server_itself_says_that_there_is_no_checkpoint(
    api: KubeApi, cluster: kube.Cluster, answer: Any
) -> None:
    """Beginning at START_FROM instead would pass over events without a word."""
    store = ConfigMapStore(ConfigMapBook(cluster.locate(kube.CONFIG_MAP, CHECKPOINT, "CHECKPOINT")), "one")
    befall(api, "configmaps", "get", answer)
    with pytest.raises(RetryableError, match=f"CHECKPOINT: cannot get ConfigMap {NAMESPACE}/{CHECKPOINT}: "):
        store.load()
