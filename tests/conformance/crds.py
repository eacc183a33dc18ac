"""The custom resources of tests/deploy/manifest_crds.py as the CustomResourceDefinitions that an API server takes.

Their fields are those of Knative's and the Prometheus Operator's own, so one that these do not know is refused too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.deploy.manifest_crds import CRDS

Schema = dict[str, Any]
ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
SCALARS = {"str": "string", "int": "integer", "bool": "boolean"}


def definitions() -> Iterator[dict[str, Any]]:
    """Every one of them."""
    for (api_version, kind), fields in CRDS.items():
        yield definition(api_version, kind, fields)


def definition(api_version: str, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """One with these fields beside those that every object has."""
    group, _, version = api_version.partition("/")
    names = {"kind": kind, "singular": kind.lower(), "plural": f"{kind.lower()}s", "listKind": f"{kind}List"}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema(fields)}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [served]},
    }


def schema(wanted: Any) -> Schema:
    """A type in the words of tests/deploy/manifest_schema.py as OpenAPI says it."""
    if isinstance(wanted, Mapping):
        required = [name[:-1] for name in wanted if name.endswith("!")]
        properties = {name.removesuffix("!"): schema(inner) for name, inner in wanted.items()}
        return {"type": "object", "properties": properties} | ({"required": required} if required else {})
    if isinstance(wanted, list):
        return {"type": "array", "items": schema(wanted[0])}
    if inner := re.fullmatch(r"List\[(.*)\]", wanted):
        return {"type": "array", "items": schema(inner[1])}
    if inner := re.fullmatch(r"Dict\[str, (.*)\]", wanted):
        return {"type": "object", "additionalProperties": schema(inner[1])}
    return {"type": SCALARS[wanted]} if wanted in SCALARS else ANYTHING | {"type": "object"}
