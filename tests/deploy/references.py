"""What each object refers to, and what kubectl apply -f would not find."""

from collections.abc import Iterator, Mapping
from typing import Any

from demo.manifests import Manifest
from tests.support.manifest_files import NAMESPACE, WORKLOADS, pod, title

Name = tuple[str, str, str]
"""Kind, namespace, name."""

MADE_BY_OTHERS: set[Name] = {
    ("Namespace", "", "knative-eventing"),
    ("Secret", NAMESPACE, "vcenter-credentials"),  # by the user, who is told the command
    ("Secret", NAMESPACE, "basic-auth"),  # likewise
}


def name_of(manifest: Manifest) -> Name:
    namespace = "" if manifest.kind == "Namespace" else manifest.namespace
    return manifest.kind, namespace, manifest.name


def references(manifest: Manifest) -> Iterator[Name]:
    """What an object needs in order to work."""
    if manifest.kind != "Namespace":
        yield "Namespace", "", manifest.namespace
    for kind, name in named(manifest):
        yield kind, manifest.namespace, name


def named(manifest: Manifest) -> Iterator[tuple[str, str]]:
    spec = manifest.spec
    for ref in refs(manifest.document):
        yield ref["kind"], ref["name"]
    if manifest.kind == "Trigger":
        yield "Broker", spec["broker"]
    if manifest.kind in WORKLOADS:
        yield from named_by_pod(pod(manifest))
    if manifest.kind == "Role":
        kinds = {"configmaps": "ConfigMap", "leases": "Lease"}
        for rule in manifest.document["rules"]:
            yield from (
                (kinds[resource], name) for resource in rule["resources"] for name in rule.get("resourceNames", ())
            )


def refs(value: Any) -> Iterator[Mapping[str, str]]:
    """Every reference by kind and name, wherever it stands, but for what a SinkBinding waits for."""
    if isinstance(value, list):
        for inner in value:
            yield from refs(inner)
    if isinstance(value, Mapping):
        if "kind" in value and "name" in value:
            yield value
        for key, inner in value.items():
            if key != "subject":
                yield from refs(inner)


def named_by_pod(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "serviceAccountName" in spec:
        yield "ServiceAccount", spec["serviceAccountName"]
    for container in spec["containers"]:
        yield from named_by_variables(container)
    for volume in spec["volumes"]:
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        if "configMap" in volume and not volume["configMap"].get("optional"):
            yield "ConfigMap", volume["configMap"]["name"]


def named_by_variables(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom", []):
        for field, kind in {"configMapRef": "ConfigMap", "secretRef": "Secret"}.items():
            if field in source and not source[field].get("optional"):
                yield kind, source[field]["name"]
    for variable in container.get("env", []):
        if key := variable.get("valueFrom", {}).get("configMapKeyRef"):
            yield "ConfigMap", key["name"]


def apply(manifests: list[Manifest], there: set[Name]) -> list[str]:
    """Apply them to a cluster where some things are; what did not find what it needs."""
    missing = []
    for manifest in manifests:
        missing += [f"{title(manifest)} needs {need}" for need in references(manifest) if need not in there]
        there.add(name_of(manifest))
    return missing
