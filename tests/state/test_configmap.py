"""The checkpoint in a ConfigMap, over real HTTP: one owner, conflicts, refusals, an API server that is away."""

import shlex
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from demo.kube_objects import MAX_DATA
from tests.state.checkpoints import NOW, saved
from tests.state.cluster import CHECKPOINT
from tests.support.kube_api import NAMESPACE, USER, KubeApi, kube_api, kubeconfig
from vcenter_simulator.certificate import make_certificate
from vcenter_source.core.errors import ConfigurationError, KubernetesForbiddenError, OvertakenError, RetryableError
from vcenter_source.pipeline.processor import MAX_AHEAD
from vcenter_source.state import kube
from vcenter_source.state.checkpoint import REMEMBERED, Checkpoint, NamedCheckpoint
from vcenter_source.state.checkpoint.configmap import KEY, MAX_WRITES, ConfigMapBook, ConfigMapStore
from vcenter_source.state.checkpoint.ranges import RANGES, KeyRange
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, serialize

NAME = "checkpoint"
PAGE = Path(__file__).parents[2] / "docs" / "knative.md"


@dataclass
class Place:
    api: KubeApi
    cluster: kube.Cluster

    def store(self, owner: str = "one", timeout: float = 5.0) -> ConfigMapStore:
        return ConfigMapStore(ConfigMapBook(self.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", timeout)), owner)

    def content(self) -> dict[str, Any]:
        found = self.api.get("configmaps", NAME)
        assert found is not None
        content: dict[str, Any] = orjson.loads(found["data"][KEY])
        return content


@pytest.fixture
def place(cluster_api: KubeApi) -> Place:
    return Place(cluster_api, kube.connect())


def test_without_a_configmap_there_is_no_checkpoint_and_the_claim_makes_it(place: Place) -> None:
    store = place.store()
    assert store.load() is None
    store.claim()
    assert place.content() == {"owner": "one"}
    store.save(saved(1))
    assert place.store("two").load() == saved(1)


def test_a_save_is_one_request_and_leaves_everything_else_alone(place: Place) -> None:
    labels = {"app.kubernetes.io/name": "vcenter-source"}
    place.api.put("configmaps", NAME, {"metadata": {"name": NAME, "labels": labels}, "data": {"note": "hands off"}})
    store = place.store()
    store.claim()
    before = len(place.api.requests)
    store.save(saved(1))
    store.save(saved(2))
    assert [verb for verb, _, _ in place.api.requests[before:]] == ["update", "update"]
    found = place.api.get("configmaps", NAME)
    assert found is not None
    assert (found["metadata"]["labels"], found["data"]["note"]) == (labels, "hands off")


def test_a_configmap_without_data_is_an_empty_one(place: Place) -> None:
    place.api.put("configmaps", NAME, {"metadata": {"name": NAME}})
    store = place.store()
    assert store.load() is None
    store.claim()
    assert place.content() == {"owner": "one"}


def test_whoever_claims_the_checkpoint_overtakes_the_one_before(place: Place) -> None:
    older, newer = place.store("pod-a"), place.store("pod-b")
    older.claim()
    older.save(saved(1))
    newer.claim()
    assert newer.load() == saved(1)
    with pytest.raises(OvertakenError, match=f"another adapter, pod-b, has taken over ConfigMap {NAMESPACE}/{NAME}"):
        older.save(saved(2))
    with pytest.raises(OvertakenError, match="CHECKPOINT: another adapter"):
        older.check()
    newer.check()
    assert newer.load() == saved(1)


def test_a_claim_that_a_save_came_before_keeps_what_was_saved(place: Place) -> None:
    older, newer = place.store("older"), place.store("newer")
    older.claim()
    saving: list[str] = []

    def save_between_read_and_write(verb: str, _: str) -> bool:
        if verb == "update" and not saving:
            saving.append(verb)
            place.api.put("configmaps", NAME, {"data": {KEY: serialize(StoredCheckpoint("older", saved(1))).decode()}})
        return False

    place.api.faulty = save_between_read_and_write
    newer.claim()
    assert (place.content()["owner"], newer.load()) == ("newer", saved(1))


def test_an_edit_by_somebody_else_is_read_again_and_kept(place: Place) -> None:
    store = place.store()
    store.claim()
    store.save(saved(1))
    found = place.api.get("configmaps", NAME)
    assert found is not None
    place.api.put("configmaps", NAME, {"data": found["data"] | {"note": "a person was here"}})
    store.save(saved(2))
    assert store.load() == saved(2)
    after = place.api.get("configmaps", NAME)
    assert after is not None
    assert after["data"]["note"] == "a person was here"


def test_endless_conflicts_are_a_failure_that_may_pass(place: Place) -> None:
    store = place.store()
    store.claim()
    place.api.fault, place.api.faulty = 409, lambda verb, _: verb == "update"
    before = len(place.api.requests)
    with pytest.raises(RetryableError, match="CHECKPOINT: "):
        store.save(saved(1))
    assert place.api.verbs("configmaps")[before:].count("update") == MAX_WRITES


def test_a_configmap_that_was_deleted_is_made_anew(place: Place) -> None:
    store = place.store()
    store.claim()
    store.save(saved(1))
    place.api.delete("configmaps", NAME)
    store.check()
    store.save(saved(2))
    assert place.store("two").load() == saved(2)


def test_a_configmap_that_was_deleted_and_made_by_another_is_that_others(place: Place) -> None:
    store = place.store()
    store.claim()
    place.api.delete("configmaps", NAME)
    place.store("another").claim()
    with pytest.raises(OvertakenError, match="another"):
        store.save(saved(1))


def test_a_save_whose_answer_was_lost_is_known_to_be_our_own(place: Place) -> None:
    store = place.store()
    store.claim()
    place.api.fault = "late"
    with pytest.raises(RetryableError):
        store.save(saved(1))
    place.api.fault = None
    store.save(saved(2))
    assert place.store("two").load() == saved(2)


def test_a_creation_whose_answer_was_lost_is_known_to_be_our_own(place: Place) -> None:
    store = place.store()
    place.api.fault, place.api.faulty = "late", lambda verb, _: verb == "create"
    with pytest.raises(RetryableError):
        store.claim()
    place.api.fault = None
    store.claim()
    store.save(saved(1))
    assert store.load() == saved(1)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (500, "answers 500: Internal error occurred: etcdserver: leader changed"),
        (503, "answers 503"),
        (429, "answers 429"),
        ("page", "answers 503: <html>no healthy upstream</html>"),
        ("cut", "cannot ask the API server http://127.0.0.1:"),
        ("hang", "cannot ask the API server http://127.0.0.1:.*timed out"),
    ],
)
def test_an_api_server_that_is_away_is_a_failure_that_may_pass(place: Place, fault: Any, words: str) -> None:
    store = place.store(timeout=0.5)
    store.claim()
    store.save(saved(1))
    place.api.fault = fault
    for use in (store.load, store.claim, store.check, lambda: store.save(saved(2))):
        with pytest.raises(RetryableError, match=f"CHECKPOINT: .*{words}"):
            use()
    place.api.fault = None
    store.save(saved(3))
    assert store.load() == saved(3)


def test_an_api_server_that_is_gone_is_a_failure_that_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kube_api() as api:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, api)))
        store = Place(api, kube.connect()).store()
        store.claim()
    with pytest.raises(RetryableError, match=r"cannot ask the API server .*Connection refused"):
        store.check()


def test_a_missing_permission_names_the_verb_the_resource_and_who_lacks_it(place: Place) -> None:
    place.api.denied = {("create", "configmaps")}
    store = place.store()
    with pytest.raises(KubernetesForbiddenError) as refused:
        store.claim()
    assert str(refused.value) == (
        f"CHECKPOINT: may not create configmaps in namespace {NAMESPACE}: configmaps is forbidden: User "
        f'"{USER}" cannot create resource "configmaps" in API group "" in the namespace "{NAMESPACE}"; '
        f"ConfigMap {NAMESPACE}/{NAME} is not there: apply 210-checkpoint.yaml again, or let a Role allow create"
    )
    place.api.put("configmaps", NAME, {"metadata": {"name": NAME}})
    store.claim()
    place.api.denied = {("update", "configmaps")}
    with pytest.raises(KubernetesForbiddenError, match=f"may not update configmaps in namespace {NAMESPACE}"):
        store.save(saved(1))
    place.api.denied = {("get", "configmaps")}
    with pytest.raises(KubernetesForbiddenError, match=f"may not get configmaps in namespace {NAMESPACE}"):
        store.load()


def test_a_token_that_is_not_accepted_and_a_namespace_that_is_not_there_are_said(place: Place) -> None:
    elsewhere = ConfigMapStore(
        ConfigMapBook(place.cluster.locate(kube.CONFIG_MAP, "elsewhere/checkpoint", "CHECKPOINT")), "one"
    )
    with pytest.raises(RetryableError, match=r'cannot create ConfigMap elsewhere/checkpoint: .*"elsewhere" not found'):
        elsewhere.claim()
    place.api.tokens = {"another"}
    with pytest.raises(RetryableError, match=r"cannot get ConfigMap .*answers 401: Unauthorized"):
        place.store().load()


DAMAGE = ["", "{", "[]", '{"owner": "x", "instanceUuid": "x"}']


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_read_is_told_and_kept(place: Place, damage: str) -> None:
    store = place.store()
    store.claim()
    store.save(saved(1))
    place.api.put("configmaps", NAME, {"data": {KEY: damage}})
    for use in (store.load, store.claim, store.check, lambda: store.save(saved(2))):
        with pytest.raises(RetryableError, match=rf"{KEY} in ConfigMap {NAMESPACE}/{NAME} is damaged .*mend it, or"):
            use()
    found = place.api.get("configmaps", NAME)
    assert found is not None
    assert found["data"] == {KEY: damage}
    place.api.put("configmaps", NAME, {"data": {}})
    store.save(saved(2))
    assert store.load() == saved(2), "the process still knew where it was"


def test_the_command_that_removes_it_leaves_the_configmap_there(place: Place) -> None:
    """As a merge patch (RFC 7396), where null removes a member: the shipped Role may make no ConfigMap."""
    *kubectl, patch = shlex.split(place.store().removal_command)
    assert kubectl == ["kubectl", "-n", NAMESPACE, "patch", "configmap", NAME, "--type=merge", "-p"]
    assert orjson.loads(patch) == {"data": {KEY: None}}
    shipped = place.cluster.locate(kube.CONFIG_MAP, f"vcenter-source/{CHECKPOINT}", "CHECKPOINT")
    assert f"$ {ConfigMapStore(ConfigMapBook(shipped), 'one').removal_command}\n" in PAGE.read_text(encoding="utf-8")
    place.api.denied = {("create", "configmaps")}
    place.api.put("configmaps", NAME, {"metadata": {"name": NAME}, "data": {}})
    store = place.store("two")
    assert store.load() is None
    store.claim()


def test_a_checkpoint_that_is_too_large_is_refused_in_words_and_the_one_before_it_stays(place: Place) -> None:
    store = place.store()
    store.claim()
    store.save(saved(1))
    many = frozenset((n, NOW) for n in range(40_000))
    with pytest.raises(RetryableError, match=r"answers 422: ConfigMap .* is invalid: .*Too long"):
        store.save(Checkpoint("0000-1111", (1, NOW), many, NOW))
    assert store.load() == saved(1)


def test_in_a_pod_the_service_account_serves_and_its_token_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate()
    (tmp_path / "ca.crt").write_bytes(certificate)
    (tmp_path / "server.pem").write_bytes(certificate + key)
    (tmp_path / "namespace").write_text(f"{NAMESPACE}\n")
    (tmp_path / "token").write_text("the-token\n")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.pem")
    with kube_api(tls) as api:
        host, _, port = api.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.setattr(kube, "SERVICE_ACCOUNT", tmp_path)
        place = Place(api, kube.connect())
        store = place.store()
        store.claim()
        api.tokens = {"rotated"}
        with pytest.raises(RetryableError, match="401"):
            store.check()
        (tmp_path / "token").write_text("rotated")
        store.check()
        (tmp_path / "token").unlink()
        with pytest.raises(RetryableError, match="No such file"):
            store.check()
        place.cluster._client.close()  # or the server waits for the end of TLS


def test_an_authority_that_is_not_trusted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate()
    (tmp_path / "server.pem").write_bytes(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.pem")
    with kube_api(tls) as api:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, api)))
        with pytest.raises(RetryableError, match=r"cannot ask the API server https://.*certificate verify failed"):
            Place(api, kube.connect()).store().load()


@pytest.mark.parametrize("content", ["", "{", "kind: Config\n", "just a line", "- a\n- list\n"])
def test_a_kubeconfig_that_is_none_is_a_wrong_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(ConfigurationError, match="KUBECONFIG: "):
        kube.connect()


def test_a_pod_without_a_service_account_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ConfigurationError, match=f"service account in {tmp_path}"):
        kube.connect_in_cluster(tmp_path)


# --- the checkpoints of several vCenters ---


def test_saves_at_the_same_time_share_a_write_and_each_keeps_its_own(place: Place) -> None:
    book = ConfigMapBook(place.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", 5.0), is_shared=True)
    stores = {f"vc{n}": ConfigMapStore(book, "one", f"vc{n}.json") for n in range(40)}
    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(ConfigMapStore.claim, stores.values()))
        before = len(place.api.requests)
        list(threads.map(lambda n: stores[f"vc{n}"].save(saved(n)), range(40)))
    assert len(place.api.requests) - before < len(stores)
    assert [stores[f"vc{n}"].load() for n in range(40)] == [saved(n) for n in range(40)]


def test_several_vcenters_take_little_room_and_a_single_one_is_written_as_before(place: Place) -> None:
    stored = place.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", 5.0)
    named = frozenset((n, NOW + timedelta(seconds=n * 7.654321)) for n in range(REMEMBERED + MAX_AHEAD))
    ends = [(n, NOW + timedelta(seconds=n * 7.654321)) for n in range(0, 10 * RANGES, 5)]
    ranges = tuple(map(KeyRange, ends[::2], ends[1::2]))
    checkpoint = Checkpoint("0000-1111", max(named), named, NOW, ranges=ranges)
    for key in (KEY, "east.json"):
        store = ConfigMapStore(ConfigMapBook(stored), "one", key)
        store.claim()
        store.save(checkpoint)
        assert store.load() == checkpoint
    assert isinstance(place.content()["acknowledged"], list)
    found = place.api.get("configmaps", NAME)
    assert found is not None
    assert 40 * len(found["data"]["east.json"]) < MAX_DATA, "docs/sizing.md"
    for count, some in ((350, ranges[:5]), (180, ranges)):
        few = replace(checkpoint, acknowledged=frozenset(sorted(named)[:REMEMBERED]), ranges=some)
        assert count * len(serialize(StoredCheckpoint("one", few), compact=True)) < MAX_DATA, "docs/sizing.md"


def test_a_compact_checkpoint_may_have_been_written_as_a_list(place: Place) -> None:
    record = StoredCheckpoint("one", saved(3))
    place.api.put("configmaps", NAME, {"data": {"east.json": serialize(record).decode()}})
    stored = place.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", 5.0)
    assert ConfigMapStore(ConfigMapBook(stored), "one", "east.json").load() == saved(3)


def test_one_that_was_overtaken_or_is_damaged_fails_no_other_of_a_shared_write(place: Place) -> None:
    book = ConfigMapBook(place.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", 5.0), is_shared=True)
    good, overtaken, damaged = (ConfigMapStore(book, "one", f"{name}.json") for name in ("good", "taken", "damaged"))
    for store in (good, overtaken, damaged):
        store.claim()
    another = ConfigMapBook(place.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", 5.0))
    ConfigMapStore(another, "two", "taken.json").claim()
    found = place.api.get("configmaps", NAME)
    assert found is not None
    place.api.put("configmaps", NAME, {"data": found["data"] | {"damaged.json": "{"}})
    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(store.save, saved(7)) for store in (good, overtaken, damaged)]
    assert [type(future.exception()) for future in futures] == [type(None), OvertakenError, RetryableError]
    assert good.load() == saved(7)


def test_the_others_are_listed_by_their_names_and_the_single_one_without(place: Place) -> None:
    stored = place.cluster.locate(kube.CONFIG_MAP, NAME, "CHECKPOINT", 5.0)
    for n, key in enumerate((KEY, "east.json", "west.json")):
        store = ConfigMapStore(ConfigMapBook(stored), "one", key)
        store.claim()
        store.save(saved(n))
    found = place.api.get("configmaps", NAME)
    assert found is not None
    place.api.put("configmaps", NAME, {"data": found["data"] | {"note": "hands off", "odd.json": "{"}})
    others = ConfigMapStore(ConfigMapBook(stored), "one", "east.json").list_others()
    assert others == [NamedCheckpoint(None, saved(0)), NamedCheckpoint("west", saved(2))]
