"""config/knative-many, and overlays of every folder in a namespace of one's own: as a real kubectl builds them."""

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from demo.manifests import Manifest
from pytag.settings import Settings as PytagSettings
from tests.deploy.manifest_schema import faults
from tests.deploy.pod_checks import check_bounded, check_restricted
from tests.deploy.references import MADE_BY_OTHERS, apply, name_of
from tests.support.kustomize import NEEDED, build, write_overlay
from tests.support.manifest_files import CONFIG, FOLDERS, NAMESPACE, container, labels, of_kind, pod, title
from vcenter_source.pipeline.roster import open_roster
from vcenter_source.settings.environment import list_variables
from vcenter_source.settings.source import Settings as AdapterSettings
from vcenter_source.settings.source import load

pytestmark = NEEDED

MANY = CONFIG / "knative-many"
SECRET = ("Secret", NAMESPACE, "vcenters")
FILE = "/etc/vcenters/vcenters.yaml"


@cache
def many() -> list[Manifest]:
    return build(MANY)


def one(kind: str, name: str) -> Manifest:
    (found,) = (manifest for manifest in many() if (manifest.kind, manifest.name) == (kind, name))
    return found


def environment(workload: Manifest) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container(workload)["env"]}


def test_it_is_what_config_knative_makes_but_for_the_one_vcenter() -> None:
    ours, theirs = ({(m.kind, m.name) for m in manifests} for manifests in (many(), FOLDERS["knative"]))
    adapter = "vcenter-source"
    assert theirs - ours == {("ContainerSource", adapter), ("ConfigMap", "vcenter"), ("Lease", adapter)}
    assert ours - theirs == {(kind, adapter) for kind in ("Deployment", "SinkBinding", "PodDisruptionBudget")}
    before = {(m.kind, m.name): m.document for m in build(CONFIG / "knative")}
    changed = {(m.kind, m.name) for m in many() if before.get((m.kind, m.name), m.document) != m.document}
    assert changed == {("Role", adapter), ("Deployment", "pytag")}


def test_a_cluster_takes_it_with_the_users_one_secret() -> None:
    assert [fault for manifest in many() for fault in faults(manifest)] == []
    assert apply(sorted(many(), key=lambda each: each.kind != "Namespace"), MADE_BY_OTHERS | {SECRET, *names()}) == []
    text = str([manifest.document for manifest in many()])
    assert not re.search(r"VCENTER_|vcenter-credentials|vcenter-ca", text), "nothing is said of a single vCenter"
    assert (MANY / "kustomization.yaml").read_text(encoding="utf-8").count(
        "kubectl -n vcenter-source create secret generic vcenters --from-file=vcenters.yaml"
    ) == 1


def names() -> set[tuple[str, str, str]]:
    return {name_of(manifest) for manifest in many()}


@pytest.mark.parametrize("name", ["vcenter-source", "pytag"])
def test_adapters_and_pytag_read_the_same_file(name: str) -> None:
    workload = one("Deployment", name)
    check_restricted(pod(workload))
    check_bounded(pod(workload))
    assert environment(workload)["VCENTERS_FILE"] == FILE
    (mount,) = (each for each in container(workload)["volumeMounts"] if FILE.startswith(each["mountPath"]))
    (volume,) = (each for each in pod(workload)["volumes"] if each["name"] == mount["name"])
    assert volume["secret"] == {"secretName": SECRET[2], "defaultMode": 0o440}
    listed = [each["name"] for each in container(workload)["env"]]
    assert listed.index("POD_NAMESPACE") < listed.index("OTEL_RESOURCE_ATTRIBUTES")


def test_pytag_would_start_with_these_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vcenters.yaml").write_text("- {name: east, url: vc, username: u, password: p}\n")
    variables = environment(one("Deployment", "pytag")) | dict(one("ConfigMap", "pytag").document["data"])
    for name, value in (variables | {"VCENTERS_FILE": str(tmp_path / "vcenters.yaml")}).items():
        monkeypatch.setenv(name, value)
    assert PytagSettings.load().tag == "events/created"


def test_the_adapter_would_start_with_these_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vcenters.yaml").write_text("- {name: east, url: vc, username: u, password: p}\n")
    variables = environment(one("Deployment", "vcenter-source"))
    for name, value in (variables | {"VCENTERS_FILE": str(tmp_path / "vcenters.yaml"), "K_SINK": "http://b"}).items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert [each.vcenter.name for each in open_roster(settings).vcenters] == ["east"]
    assert (str(settings.state.checkpoint), settings.state.lease) == (variables["CHECKPOINT"], variables["LEASE"])
    known = list_variables(AdapterSettings)
    assert [name for name in variables if name not in known and not name.startswith(("OTEL_", "POD_"))] == []


def test_the_adapters_differ_from_the_single_one_in_the_vcenters_alone() -> None:
    ours = one("Deployment", "vcenter-source")
    (single,) = of_kind("ContainerSource")
    (ha,) = of_kind("Deployment", FOLDERS["knative-ha"])
    more = {"VCENTERS_FILE": FILE}
    assert environment(ours) == {k: v for k, v in environment(single).items() if k != "VCENTER_SECRET_PATH"} | more
    own = {"image", "env", "envFrom", "volumeMounts", "resources"}
    left, right = container(ours), container(ha)
    assert {k: v for k, v in left.items() if k not in own} == {k: v for k, v in right.items() if k not in own}
    assert ours.spec["replicas"] == 2
    assert one("SinkBinding", "vcenter-source").spec["subject"]["name"] == ours.name
    assert one("PodDisruptionBudget", "vcenter-source").spec["selector"] == ours.spec["selector"]


def test_no_selector_takes_the_pods_of_another_source_and_the_policy_takes_ours() -> None:
    ours = one("Deployment", "vcenter-source")
    others = [*of_kind("ContainerSource"), *of_kind("Deployment", FOLDERS["knative-ha"])]
    selected = ours.spec["selector"]["matchLabels"].items()
    assert selected <= labels(ours).items()
    for other in others:
        assert not selected <= labels(other).items()
        assert not other.spec.get("selector", {}).get("matchLabels", {"": ""}).items() <= labels(ours).items()
    policy = one("NetworkPolicy", "vcenter-source")
    assert policy.spec["podSelector"]["matchLabels"].items() <= labels(ours).items()


def test_the_adapters_may_share_leases_in_their_namespace_and_no_more() -> None:
    checkpoint, leases = one("Role", "vcenter-source").document["rules"]
    variables = environment(one("Deployment", "vcenter-source"))
    assert checkpoint == {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [variables["CHECKPOINT"].removeprefix("configmap://")],
        "verbs": ["get", "update"],
    }
    assert leases == {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "create", "update"],
    }
    assert {manifest.kind for manifest in many()}.isdisjoint({"ClusterRole", "ClusterRoleBinding"})


BASES = {
    "config": ["config"],
    "knative-many": ["config/knative-many"],
    "knative-ha": ["config/knative", "config/knative-ha"],
    "openfaas": ["config/openfaas"],
    "pyattr": ["config/functions/pyattr"],
}


@pytest.mark.parametrize("name", BASES)
def test_an_overlay_moves_all_of_it_to_another_namespace(name: str, tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    made = build(write_overlay(tmp_path, "team-a", BASES[name]))
    assert {manifest.namespace for manifest in made if manifest.kind != "Namespace"} == {"team-a"}
    assert [manifest.name for manifest in made if manifest.kind == "Namespace"] in (["team-a"], [])
    left = {title(manifest): list(find_old_namespace(manifest.document)) for manifest in made}
    assert {name: found for name, found in left.items() if found} == {}
    assert [fault for manifest in made for fault in faults(manifest)] == []
    services = {manifest.name for manifest in made if manifest.kind == "Service"}
    sinks = {each["value"] for each in list_environment(made) if each["name"] == "DEAD_LETTER_SINK"}
    assert {sink.removeprefix("http://") for sink in sinks} <= services


def list_environment(manifests: list[Manifest]) -> Iterator[dict[str, Any]]:
    for manifest in manifests:
        if manifest.kind in {"Deployment", "ContainerSource"}:
            yield from container(manifest).get("env", ())


def find_old_namespace(value: Any, key: str = "") -> Iterator[str]:
    """Yield each text that still means our own namespace."""
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from find_old_namespace(each, str(inner))
    elif isinstance(value, list):
        for each in value:
            yield from find_old_namespace(each, key)
    elif isinstance(value, str) and (
        (key in {"namespace", "kubernetes.io/metadata.name"} and value == NAMESPACE)
        or re.search(rf"\.{NAMESPACE}(\.svc|[:/]|$)|namespace\.name={NAMESPACE}", value)
    ):
        yield f"{key}: {value}"
