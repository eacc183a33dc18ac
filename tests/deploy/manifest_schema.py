"""What Kubernetes and the CRDs accept, as a check that names each fault by its path.

The built-in kinds come from the kubernetes package, whose models are generated from Kubernetes' OpenAPI schema; the
custom ones from tests/deploy/manifest_crds.py, in the same words: a type is "str", "int", "bool", "object" (anything),
"List[T]", "Dict[str, T]", "V1Something" (a model), a mapping of fields to types, or a list of such a mapping. A field's
"!" says that it is required.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from kubernetes import client

from demo.manifests import Manifest
from tests.deploy.manifest_crds import CRDS

BUILT_IN = {
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "ConfigMap"): "V1ConfigMap",
    ("v1", "PersistentVolumeClaim"): "V1PersistentVolumeClaim",
    ("v1", "Service"): "V1Service",
    ("v1", "ServiceAccount"): "V1ServiceAccount",
    ("apps/v1", "Deployment"): "V1Deployment",
    ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
    ("rbac.authorization.k8s.io/v1", "Role"): "V1Role",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "V1RoleBinding",
    ("coordination.k8s.io/v1", "Lease"): "V1Lease",
}
SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float), "datetime": (str, datetime)}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|Ki|Mi|Gi)?")
DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

Type = str | Mapping[str, Any] | list[Any]


def faults(manifest: Manifest) -> list[str]:
    """Everything that the API server would refuse in this object; empty where it is right."""
    document = manifest.document
    kind = (str(document.get("apiVersion")), str(document.get("kind")))
    if kind in BUILT_IN:
        found = check(document, BUILT_IN[kind])
    elif kind in CRDS:
        found = check(document, {"apiVersion!": "str", "kind!": "str", "metadata!": "V1ObjectMeta", **CRDS[kind]})
    else:
        return [f"no schema is known for {kind[1]} of {kind[0]}"]
    return [*found, *metadata_faults(manifest)]


def check(value: Any, wanted: Type, where: str = "") -> Iterator[str]:
    """The faults of a value of this type, each ``path: what is wrong``."""
    if wanted == "object":
        return
    if isinstance(wanted, Mapping):
        yield from check_fields(value, wanted, where)
    elif isinstance(wanted, list):
        yield from check_list(value, wanted[0], where)
    elif inner := re.fullmatch(r"List\[(.*)\]", wanted):
        yield from check_list(value, inner[1], where)
    elif inner := re.fullmatch(r"Dict\[str, (.*)\]", wanted):
        yield from check_dict(value, inner[1], where)
    elif wanted in SCALARS:
        if not isinstance(value, SCALARS[wanted]) or (isinstance(value, bool) and wanted != "bool"):  # type: ignore[arg-type]  # a class or a tuple
            yield f"{where}: {value!r} is no {wanted}"
    else:
        yield from check_fields(value, model(wanted), where)


def check_fields(value: Any, fields: Mapping[str, Any], where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is no object"
        return
    types = {name.removesuffix("!"): wanted for name, wanted in fields.items()}
    for name in fields:
        if name.endswith("!") and value.get(name[:-1]) is None:
            yield f"{where}.{name[:-1]}: missing"
    for name, inner in value.items():
        if name not in types:
            yield f"{where}.{name}: no such field"
        else:
            yield from check(inner, types[name], f"{where}.{name}")


def check_list(value: Any, element: Type, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where}: {value!r} is no list"
        return
    for index, inner in enumerate(value):
        yield from check(inner, element, f"{where}[{index}]")


def check_dict(value: Any, element: str, where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is no object"
        return
    for name, inner in value.items():
        yield from check(inner, element, f"{where}.{name}")
        if where.endswith((".requests", ".limits")) and not QUANTITY.fullmatch(str(inner)):
            yield f"{where}.{name}: {inner!r} is no quantity"


@cache
def model(name: str) -> Mapping[str, str]:
    """A model of the kubernetes package as fields and types; its attributes have Python's names, the fields JSON's."""
    described = getattr(client, name)
    required = {field for field, info in described.model_fields.items() if info.is_required()}
    return {
        described.attribute_map[field] + ("!" if field in required else ""): wanted
        for field, wanted in described.openapi_types.items()
    }


def metadata_faults(manifest: Manifest) -> Iterator[str]:
    """Names and labels have an alphabet of their own, which no schema states."""
    if not DNS_NAME.fullmatch(manifest.name):
        yield f".metadata.name: {manifest.name!r} is no DNS name"
    metadata = manifest.document["metadata"]
    for name, value in metadata.get("labels", {}).items():
        if not LABEL.fullmatch(name) or not LABEL.fullmatch(value):
            yield f".metadata.labels: {name}={value} is no label"
