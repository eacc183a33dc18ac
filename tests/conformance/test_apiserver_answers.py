"""demo/kube_api.py, which most tests use, beside a real kube-apiserver: the same answers to the same requests.

kube-apiserver and etcd are found in KUBEBUILDER_ASSETS or on PATH; CONTRIBUTING.md says how to get them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.apiserver import NEEDED, ApiServer, run_api_server, speaker
from tests.conformance.applying import Applier
from tests.state.cluster import CHECKPOINT, LEASE
from tests.support.kube_api import kube_api
from tests.support.manifest_files import NAMESPACE, of_kind

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180), NEEDED]

Object = dict[str, Any]
PLACES = {
    "ConfigMap": ("v1", f"/api/v1/namespaces/{NAMESPACE}/configmaps", CHECKPOINT),
    "Lease": ("coordination.k8s.io/v1", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases", LEASE),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with run_api_server(tmp_path_factory.mktemp("apiserver")) as server:
        for kind in ("Namespace", "ServiceAccount", "Role", "RoleBinding"):
            for manifest in of_kind(kind):
                Applier(server).create(manifest.document)
        yield server


def asked(client: httpx.Client, kind: str, delete: Callable[[], None], make: Callable[[], None]) -> Iterator[Any]:
    """What the source's account is answered while an administrator deletes the object and makes it again."""
    version, collection, name = PLACES[kind]
    path, bare = f"{collection}/{name}", {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    yield "read, missing", client.get(path)
    yield "create, missing", client.post(collection, json=bare)
    make()
    yield "create, there", client.post(collection, json=bare)
    first = client.get(path).json()
    yield "update", client.put(path, json=first | changed(kind))
    yield "update, changed since", client.put(path, json=first | changed(kind))
    delete()
    yield "update, deleted since", client.put(path, json=first)
    make()
    yield "update, made again since", client.put(path, json=first)
    now = client.get(path).json()
    yield "update, of another uid", client.put(path, json=now | {"metadata": now["metadata"] | {"uid": "0000-1111"}})
    yield "of another kind", client.put(path, json=now | {"kind": "Secret", "apiVersion": "v1"})
    if kind == "Lease":
        yield "update of any version", client.put(path, json=bare)
        yield "a wrong time", client.put(path, json=now | {"spec": {"renewTime": "2026-01-31T08:00:00"}})
        yield "a wrong duration", client.put(path, json=now | {"spec": {"leaseDurationSeconds": 0}})
    yield "a wrong token", client.get(path, headers={"Authorization": "Bearer none"})


def changed(kind: str) -> Object:
    return {"data": {"a": "b"}} if kind == "ConfigMap" else {"spec": {"leaseDurationSeconds": 15}}


def outline(answer: httpx.Response) -> tuple[Any, ...]:
    """What the adapter goes by: the status, the reason, and which object it is about."""
    body = answer.json()
    details = body.get("details") or {}
    missing = (details.get("kind"), details.get("name")) if body.get("reason") == "NotFound" else None
    return answer.status_code, body["kind"], body.get("reason"), missing


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_the_stand_in_answers_as_the_real_one(server: ApiServer, kind: str) -> None:
    version, collection, name = PLACES[kind]
    bare = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    with speaker(server.url, server.folder, server.token_of(NAMESPACE, "vcenter-source")) as client:
        real = asked(
            client,
            kind,
            lambda: void(server.request("DELETE", f"{collection}/{name}")),
            lambda: void(server.request("POST", collection, bare)),
        )
        expected = {what: outline(answer) for what, answer in real}
    resource = Path(collection).name
    with kube_api() as api:
        api.denied = {("create", resource)}
        with httpx.Client(base_url=api.url, headers={"Authorization": "Bearer the-token"}, trust_env=False) as client:
            ours = asked(
                client,
                kind,
                lambda: api.delete(resource, name),
                lambda: api.put(resource, name, {"metadata": {"name": name}}),
            )
            found = {what: outline(answer) for what, answer in ours}
    assert found == expected


def void(_: object) -> None:
    """For a call whose answer is of no interest."""
