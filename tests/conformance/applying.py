"""``kubectl apply --validate=strict``, as far as our manifests need it, and what it would say the second time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.apiserver import STRICT, ApiServer

Object = Mapping[str, Any]


@dataclass
class Applier:
    """Applies objects to an API server; ``warnings`` is what that had to say beside its answers."""

    server: ApiServer
    warnings: list[str] = field(default_factory=list)
    _paths: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    _definitions: dict[str, Object] = field(default_factory=dict)
    _schemas: dict[tuple[str, str], Object] = field(default_factory=dict)

    def create(self, manifest: Object) -> None:
        """Make it, anew where it is there, but for a namespace. A field that no schema has is refused."""
        if self.server.get(self.path(manifest)) is not None:
            if manifest["kind"] == "Namespace":
                return
            self.server.request("DELETE", self.path(manifest))
        collection = self.path(manifest).rpartition("/")[0]
        answer = self.server.client.post(collection, json=manifest, params=STRICT)
        assert answer.is_success, f"{manifest['kind']} {manifest['metadata']['name']}: {answer.text}"
        self.warnings += answer.headers.get_list("Warning")

    def path(self, manifest: Object) -> str:
        """Where the object is."""
        root, namespaced = self._resource(manifest["apiVersion"], manifest["kind"])
        base, _, resource = root.rpartition("/")
        within = f"/namespaces/{manifest['metadata']['namespace']}" if namespaced else ""
        return f"{base}{within}/{resource}/{manifest['metadata']['name']}"

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._paths:
            base = f"/apis/{version}" if "/" in version else f"/api/{version}"
            for each in self.server.request("GET", base)["resources"]:
                if "/" not in each["name"]:
                    self._paths[version, each["kind"]] = f"{base}/{each['name']}", each["namespaced"]
        return self._paths[version, kind]

    def changes(self, manifest: Object) -> list[str]:
        """What applying it once more would send, each as a path; kubectl says "unchanged" where that is nothing.

        kubectl compares the manifest with the object that the API server has made of it, with the API server's own
        schema in its hand: a list without a merge key as a whole, so that one whose elements have defaults that the
        manifest lacks is sent; and always a field that says so (patch strategy "replace").
        """
        found = self.server.get(self.path(manifest))
        assert found is not None
        return list(self._differences(manifest, found, self._schema(manifest), ""))

    def _differences(self, wanted: Any, found: Any, schema: Object, path: str) -> Iterator[str]:
        if isinstance(wanted, Mapping) and isinstance(found, Mapping):
            for name, value in wanted.items():
                inner = self._resolved(schema.get("properties", {}).get(name) or schema.get("additionalProperties"))
                yield from self._member(value, found.get(name), inner, f"{path}.{name}")
        elif wanted != found:
            yield path

    def _member(self, wanted: Any, found: Any, schema: Object, path: str) -> Iterator[str]:
        strategy, key = schema.get("x-kubernetes-patch-strategy", ""), schema.get("x-kubernetes-patch-merge-key")
        if "replace" in strategy.split(","):
            yield f"{path} (always sent)"
        elif "merge" in strategy.split(",") and key and isinstance(found, list):
            by_key = {each[key]: each for each in found}
            for each in wanted:
                element = self._resolved(schema.get("items"))
                yield from self._differences(each, by_key.get(each[key]), element, f"{path}[{each[key]}]")
        elif isinstance(wanted, list):
            if wanted != found:
                yield path
        else:
            yield from self._differences(wanted, found, schema, path)

    def _schema(self, manifest: Object) -> Object:
        if not self._schemas:
            self._definitions = self.server.request("GET", "/openapi/v2")["definitions"]
            for schema in self._definitions.values():
                for each in schema.get("x-kubernetes-group-version-kind", ()):
                    version = f"{each['group']}/{each['version']}".lstrip("/")
                    self._schemas[version, each["kind"]] = schema
        return self._schemas.get((manifest["apiVersion"], manifest["kind"]), {})

    def _resolved(self, schema: Any) -> Object:
        if not isinstance(schema, Mapping):
            return {}
        references = [each["$ref"] for each in (schema, *schema.get("allOf", ())) if "$ref" in each]
        named = self._definitions[references[0].rpartition("/")[2]] if references else {}
        return {**named, **schema}
