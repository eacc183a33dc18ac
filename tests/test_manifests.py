"""config/knative as a cluster reads it: order, references, selectors, Pod Security, no field of our own making."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from demo.manifests import Manifest, load_broker, read_manifests, seconds

FOLDER = Path(__file__).parents[1] / "config" / "knative"
MANIFESTS = read_manifests(FOLDER)
NAMESPACE = "vcenter-source"
CREATED = {"type": "com.vmware.event.resourcepool.created", "source": "https://vc/sdk", "id": "1"}

API_VERSIONS = {
    "Namespace": "v1",
    "ConfigMap": "v1",
    "Service": "v1",
    "Deployment": "apps/v1",
    "Broker": "eventing.knative.dev/v1",
    "Trigger": "eventing.knative.dev/v1",
    "ContainerSource": "sources.knative.dev/v1",
}

# What each object may say, as nested names: a set is the names at that place, None anything below it. The webhooks of
# Knative refuse unknown fields and kubectl warns of them; a field is added here after a look into the API reference.
METADATA: dict[str, Any] = {"name": None, "namespace": None, "labels": None}
CONTAINER = {
    "name": None,
    "image": None,
    "command": None,
    "envFrom": {"configMapRef": {"name": None}},
    "env": {"name": None, "value": None},
    "ports": {"name": None, "containerPort": None},
    "readinessProbe": {"httpGet": {"path": None, "port": None}, "periodSeconds": None, "failureThreshold": None},
    "livenessProbe": {"httpGet": {"path": None, "port": None}, "periodSeconds": None, "failureThreshold": None},
    "resources": {"requests": {"cpu": None, "memory": None}, "limits": {"cpu": None, "memory": None}},
    "securityContext": {
        "allowPrivilegeEscalation": None,
        "readOnlyRootFilesystem": None,
        "capabilities": {"drop": None},
    },
    "volumeMounts": {"name": None, "mountPath": None, "readOnly": None},
}
TEMPLATE = {
    "metadata": {"labels": None},
    "spec": {
        "automountServiceAccountToken": None,
        "enableServiceLinks": None,
        "terminationGracePeriodSeconds": None,
        "securityContext": {
            "runAsNonRoot": None,
            "runAsUser": None,
            "runAsGroup": None,
            "fsGroup": None,
            "seccompProfile": {"type": None},
        },
        "containers": CONTAINER,
        "volumes": {"name": None, "secret": {"secretName": None, "defaultMode": None}, "emptyDir": {}},
    },
}
REF = {"ref": {"apiVersion": None, "kind": None, "name": None}}
FIELDS: dict[str, dict[str, Any]] = {
    "Namespace": {},
    "ConfigMap": {"data": None},
    "Service": {"spec": {"selector": None, "ports": {"name": None, "port": None, "targetPort": None}}},
    "Deployment": {"spec": {"replicas": None, "selector": {"matchLabels": None}, "template": TEMPLATE}},
    "Broker": {"spec": {"delivery": {"retry": None, "backoffPolicy": None, "backoffDelay": None}}},
    "Trigger": {"spec": {"broker": None, "filter": {"attributes": None}, "subscriber": REF}},
    "ContainerSource": {"spec": {"template": TEMPLATE, "sink": REF}},
}


def of_kind(kind: str) -> list[Manifest]:
    return [manifest for manifest in MANIFESTS if manifest.kind == kind]


def the(kind: str, name: str | None = None) -> Manifest:
    (manifest,) = (m for m in of_kind(kind) if name in {None, m.name})
    return manifest


def templates() -> list[Mapping[str, Any]]:
    return [m.spec["template"] for m in MANIFESTS if m.kind in {"Deployment", "ContainerSource"}]


def containers() -> list[Mapping[str, Any]]:
    return [container for template in templates() for container in template["spec"]["containers"]]


def unknown_fields(value: Any, known: Any, where: str = "") -> Iterator[str]:
    """Paths in a document that the nested names do not have."""
    if known is None:
        return
    for item in value if isinstance(value, list) else [value]:
        for name, inner in item.items():
            if name not in known:
                yield f"{where}.{name}"
            else:
                yield from unknown_fields(inner, known[name], f"{where}.{name}")


def test_only_numbered_yaml_files_lie_in_the_folder() -> None:
    names = sorted(path.name for path in FOLDER.iterdir())
    assert all(re.fullmatch(r"\d{3}-[a-z]+\.yaml", name) for name in names), names
    assert len({name[:3] for name in names}) == len(names)


def test_what_is_needed_is_applied_first() -> None:
    order = [(manifest.kind, manifest.name) for manifest in MANIFESTS]
    assert len(set(order)) == len(order)
    kinds = [kind for kind, _ in order]
    assert kinds[0] == "Namespace"
    assert kinds.index("Broker") < kinds.index("Trigger") < kinds.index("ContainerSource")
    assert order.index(("ConfigMap", "vcenter")) < order.index(("Deployment", "pytag"))
    assert order.index(("Service", "pytag")) < order.index(("Trigger", "tag-new-resource-pools"))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m.kind}-{m.name}")
def test_each_object_has_a_known_version_our_namespace_and_known_fields_alone(manifest: Manifest) -> None:
    assert manifest.document["apiVersion"] == API_VERSIONS[manifest.kind]
    if manifest.kind != "Namespace":
        assert manifest.namespace == NAMESPACE
    known = {"apiVersion": None, "kind": None, "metadata": METADATA, **FIELDS[manifest.kind]}
    assert list(unknown_fields(manifest.document, known)) == []


def test_selectors_find_their_pods() -> None:
    deployment, service = the("Deployment", "pytag"), the("Service", "pytag")
    labels = deployment.spec["template"]["metadata"]["labels"]
    assert deployment.spec["selector"]["matchLabels"].items() <= labels.items()
    assert service.spec["selector"].items() <= labels.items()
    source = the("ContainerSource").spec["template"]["metadata"]["labels"]
    assert not service.spec["selector"].items() <= source.items()


def test_the_service_maps_port_80_to_the_port_that_pytag_listens_on() -> None:
    ((port,), (container,)) = the("Service").spec["ports"], the("Deployment").spec["template"]["spec"]["containers"]
    assert (port["port"], port["targetPort"]) == (80, container["ports"][0]["name"])
    assert container["ports"][0]["containerPort"] == 8080
    assert {"name": "PORT", "value": "8080"} in container["env"]


def test_triggers_name_a_broker_and_a_service_that_exist() -> None:
    for trigger in of_kind("Trigger"):
        assert trigger.spec["broker"] == the("Broker").name
        ref = trigger.spec["subscriber"]["ref"]
        assert the(ref["kind"], ref["name"]).document["apiVersion"] == ref["apiVersion"]


def test_the_source_sends_to_the_broker() -> None:
    ref = the("ContainerSource").spec["sink"]["ref"]
    assert (ref["kind"], ref["name"]) == ("Broker", the("Broker").name)
    assert ref["apiVersion"] == the("Broker").document["apiVersion"]


def test_a_new_resource_pool_is_what_reaches_pytag() -> None:
    broker = load_broker(FOLDER)
    assert [trigger.subscriber for trigger in broker.matching(CREATED)] == ["pytag"]
    assert broker.matching({**CREATED, "type": "com.vmware.event.vm.poweredon"}) == []


def test_deliveries_are_retried_with_a_delay_and_end_before_the_source_gives_up_waiting() -> None:
    delivery = the("Broker").spec["delivery"]
    assert seconds(delivery["backoffDelay"]) > 0
    (trigger,) = load_broker(FOLDER).triggers
    # 330 s is the source's SINK_TIMEOUT: an InMemoryChannel Broker answers only when all retries have ended.
    assert 60 < sum(trigger.delivery.delay(n) for n in range(delivery["retry"])) < 330


@pytest.mark.parametrize("template", templates(), ids=lambda t: t["metadata"]["labels"]["app.kubernetes.io/name"])
def test_pods_obey_the_restricted_pod_security_standard(template: Mapping[str, Any]) -> None:
    assert the("Namespace").document["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = template["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["enableServiceLinks"] is False
    assert all(set(volume) & {"secret", "emptyDir"} for volume in spec["volumes"])
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_configuration_comes_from_config_maps_that_exist_and_the_users_secret() -> None:
    for container in containers():
        for source in container["envFrom"]:
            assert the("ConfigMap", source["configMapRef"]["name"]).document["data"]
        assert {"name": "VCENTER_SECRET_PATH", "value": "/etc/vcenter"} in container["env"]
        assert {"name": "vcenter-credentials", "mountPath": "/etc/vcenter", "readOnly": True} in container[
            "volumeMounts"
        ]
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    for template in templates():
        secrets = [volume["secret"]["secretName"] for volume in template["spec"]["volumes"] if "secret" in volume]
        assert secrets == ["vcenter-credentials"]


def test_the_secret_itself_is_not_in_the_folder() -> None:
    assert not of_kind("Secret")
    assert "kubectl -n vcenter-source create secret generic vcenter-credentials" in (
        FOLDER / "100-namespace.yaml"
    ).read_text(encoding="utf-8")


def test_one_image_serves_both_and_is_pinned() -> None:
    (image,) = {container["image"] for container in containers()}
    assert re.fullmatch(r"[a-z0-9./-]+:\d+\.\d+\.\d+", image)


def test_config_map_values_and_variables_are_strings() -> None:
    values = [value for m in of_kind("ConfigMap") for value in m.document["data"].values()]
    values += [entry["value"] for container in containers() for entry in container["env"]]
    assert all(isinstance(value, str) for value in values), values


def test_commands_name_modules_of_this_project() -> None:
    for container in containers():
        python, dash_m, module, *_ = container["command"]
        assert (python, dash_m) == ("python", "-m")
        assert (FOLDER.parents[1] / module.replace(".", "/")).is_dir()
