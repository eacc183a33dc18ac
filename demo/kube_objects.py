"""ConfigMaps and Leases as a Kubernetes API server keeps them: versions, compare and swap, validation, failures.

It validates as the real one does (``pkg/apis/core/validation``, ``pkg/apis/coordination/validation``,
``metav1.MicroTime``), and its failures are Status objects (``apimachinery/pkg/api/errors``).
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Object = dict[str, Any]

NAMESPACE = "vcenter-source"
"""The only namespace that there is."""

API_VERSIONS = {"configmaps": "v1", "leases": "coordination.k8s.io/v1"}
KINDS = {"configmaps": "ConfigMap", "leases": "Lease"}
MAX_DATA = 1024 * 1024
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")


class Failure(Exception):  # noqa: N818  what Kubernetes calls the status of one
    """An answer other than success, in the words of ``apimachinery/pkg/api/errors``."""

    def __init__(self, code: int, reason: str, message: str, **details: str) -> None:
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
            "code": code,
        }


@dataclass(frozen=True, slots=True)
class KubeRequest:
    """What is asked. ``name`` is empty in a list and in a creation; ``selector`` is that of a list."""

    verb: str
    resource: str
    namespace: str
    name: str
    selector: str
    body: Object


@dataclass
class KubeObjects:
    """All objects, by resource, namespace and name."""

    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _versions: Iterator[int] = field(default_factory=lambda: count(1000))

    def answer(self, asked: KubeRequest) -> Object:
        """Do what is asked. Raises Failure."""
        resource, namespace = asked.resource, asked.namespace
        with self.lock:
            if asked.verb == "list":
                return self._list(resource, namespace, asked.selector)
            if asked.verb == "get":
                return self._get(resource, namespace, asked.name)
            if asked.verb == "create":
                return self._create(resource, namespace, asked.body)
            return self._update(resource, namespace, asked.name, asked.body)

    def store(self, resource: str, namespace: str, name: str, body: Object) -> Object:
        """Keep an object under a new version, and return it."""
        known = {"apiVersion": API_VERSIONS[resource], "kind": KINDS[resource]}
        before = self.objects.get((resource, namespace, name))
        version = str(next(self._versions))
        uid = before["metadata"]["uid"] if before else f"uid-{version}"
        metadata = body["metadata"] | {"namespace": namespace, "resourceVersion": version, "uid": uid}
        stored = body | known | {"metadata": metadata}
        self.objects[resource, namespace, name] = stored
        return stored

    def _list(self, resource: str, namespace: str, selector: str) -> Object:
        """List those with the labels; each without what is the same for all, as in the real one's lists."""
        wanted = dict(term.split("=") for term in selector.split(",") if term)
        items = [
            {key: value for key, value in stored.items() if key not in {"apiVersion", "kind"}}
            for (kind, room, _), stored in sorted(self.objects.items())
            if (kind, room) == (resource, namespace)
            and wanted.items() <= (stored["metadata"].get("labels") or {}).items()
        ]
        listed = {"apiVersion": API_VERSIONS[resource], "kind": f"{KINDS[resource]}List"}
        return {**listed, "metadata": {"resourceVersion": str(next(self._versions))}, "items": items}

    def _get(self, resource: str, namespace: str, name: str) -> Object:
        found = self.objects.get((resource, namespace, name))
        if found is None:
            raise Failure(404, "NotFound", f'{qualify(resource)} "{name}" not found', name=name, kind=resource)
        return found

    def _create(self, resource: str, namespace: str, body: Object) -> Object:
        name = body["metadata"]["name"]
        if namespace != NAMESPACE:
            missing = f'namespaces "{namespace}" not found'
            raise Failure(404, "NotFound", missing, name=namespace, kind="namespaces")
        validate(resource, name, body)
        if (resource, namespace, name) in self.objects:
            raise Failure(409, "AlreadyExists", f'{qualify(resource)} "{name}" already exists')
        return self.store(resource, namespace, name, body)

    def _update(self, resource: str, namespace: str, name: str, body: Object) -> Object:
        uid = body["metadata"].get("uid")
        other_uid = conflict(resource, name, f"Precondition failed: UID in precondition: {uid}")
        if (resource, namespace, name) not in self.objects and resource == "leases":
            raise other_uid  # its strategy's AllowCreateOnUpdate is true, and none has this uid
        found = self._get(resource, namespace, name)
        given = body["metadata"].get("resourceVersion")
        if given is None and resource == "leases":  # its strategy's AllowUnconditionalUpdate is false
            raise invalid(
                resource, name, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
            )
        if uid not in {None, found["metadata"]["uid"]}:
            raise other_uid
        if given is not None and given != found["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(resource, name, why)
        validate(resource, name, body)
        return self.store(resource, namespace, name, body)


def qualify(resource: str) -> str:
    """Return a resource as messages name it, with its API group if it has one."""
    group = api_group(resource)
    return f"{resource}.{group}" if group else resource


def api_group(resource: str) -> str:
    """Return the API group of a resource, empty for the core API."""
    return API_VERSIONS[resource].rpartition("/")[0]


def conflict(resource: str, name: str, why: str) -> Failure:
    """Return the failure of a write that came too late."""
    return Failure(409, "Conflict", f'Operation cannot be fulfilled on {qualify(resource)} "{name}": {why}')


def invalid(resource: str, name: str, why: str) -> Failure:
    """Return the failure of a write that is wrong."""
    return Failure(422, "Invalid", f'{KINDS[resource]} "{name}" is invalid: {why}')


def validate(resource: str, name: str, body: Object) -> None:
    """Check what an object may hold. Raises Failure."""
    if (body["apiVersion"], body["kind"]) != (API_VERSIONS[resource], KINDS[resource]):
        raise Failure(400, "BadRequest", "the object provided is unrecognized")
    if resource == "leases":
        _validate_lease(name, body.get("spec") or {})
    elif sum(len(value.encode()) for value in body.get("data", {}).values()) > MAX_DATA:
        raise invalid(resource, name, f"[]: Too long: may not be more than {MAX_DATA} bytes")


def _validate_lease(name: str, spec: Object) -> None:
    for moment in ("acquireTime", "renewTime"):
        if spec.get(moment) is not None and not _MICRO_TIME.fullmatch(spec[moment]):
            raise Failure(
                400,
                "BadRequest",
                f'Lease in version "v1" cannot be handled as a Lease: parsing time "{spec[moment]}" as '
                '"2006-01-02T15:04:05.000000Z07:00": cannot parse',
            )
    if spec.get("leaseDurationSeconds", 1) <= 0:
        raise invalid("leases", name, "spec.leaseDurationSeconds: must be greater than 0")
    if spec.get("leaseTransitions", 0) < 0:
        raise invalid("leases", name, "spec.leaseTransitions: must be greater than or equal to 0")
