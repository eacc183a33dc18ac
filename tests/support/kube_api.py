"""A Kubernetes API server for ConfigMaps and Leases, as far as adapters use it, in a thread of the test.

It keeps resource versions and uids, validates as the real one does (``pkg/apis/core/validation``,
``pkg/apis/coordination/validation``, ``metav1.MicroTime``), and answers failures with Status objects
(``apimachinery/pkg/api/errors``). Faults: see ``KubeApi.fault``.
"""

import asyncio
import copy
import json
import queue
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

import yaml
from aiohttp import web

Object = dict[str, Any]

NAMESPACE = "vcenter-source"
USER = f"system:serviceaccount:{NAMESPACE}:adapter"
API_VERSIONS = {"configmaps": "v1", "leases": "coordination.k8s.io/v1"}
KINDS = {"configmaps": "ConfigMap", "leases": "Lease"}
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
MAX_DATA = 1024 * 1024
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
MESSAGES = {
    404: "the server could not find the requested resource",  # that of an API that is not served, which names no object
    500: "Internal error occurred: etcdserver: leader changed",
}


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


@dataclass
class KubeApi:
    """``fault`` befalls the requests of which ``faulty`` says so; both may be set from the test's thread at any time.

    A number answers so; ``hang`` does nothing and gives no answer; ``late`` does what is asked and gives none; ``cut``
    closes the connection; ``page`` answers with a page of HTML and ``page_status``, as a load balancer in front of it
    does.
    """

    url: str = ""
    tokens: set[str] = field(default_factory=lambda: {"the-token"})
    denied: set[tuple[str, str]] = field(default_factory=set)
    """``(verb, resource)`` that RBAC does not allow."""
    fault: int | Literal["hang", "late", "cut", "page"] | None = None
    page_status: int = 503
    faulty: Callable[[str, str], bool] = lambda verb, resource: True
    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    """By resource, namespace and name."""
    requests: list[tuple[str, str, Object]] = field(default_factory=list)
    """Verb, resource and body of all that was asked."""
    _versions: Iterator[int] = field(default_factory=lambda: count(1000))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What a test does, as kubectl would.

    def get(self, resource: str, name: str, namespace: str = NAMESPACE) -> Object | None:
        with self._lock:
            return copy.deepcopy(self.objects.get((resource, namespace, name)))

    def put(self, resource: str, name: str, content: Object, namespace: str = NAMESPACE) -> None:
        """Make it, or change it whatever is there."""
        with self._lock:
            before = self.objects.get((resource, namespace, name), {"metadata": {"name": name, "namespace": namespace}})
            self._store(resource, namespace, name, copy.deepcopy(before) | copy.deepcopy(content))

    def delete(self, resource: str, name: str, namespace: str = NAMESPACE) -> None:
        with self._lock:
            del self.objects[resource, namespace, name]

    def verbs(self, resource: str) -> list[str]:
        return [verb for verb, about, _ in self.requests if about == resource]

    # What the API server does.

    async def handle(self, request: web.Request) -> web.StreamResponse:
        resource = request.match_info["resource"]
        is_one = "name" in request.match_info
        verb = {"GET": "get" if is_one else "list", "POST": "create", "PUT": "update"}[request.method]
        body = json.loads(await request.read() or b"{}")
        self.requests.append((verb, resource, body))
        fault = self.fault if self.faulty(verb, resource) else None
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "page":
            page = "<html>no healthy upstream</html>"
            return web.Response(status=self.page_status, text=page, content_type="text/html")
        if fault == "cut":
            return cut(request)
        try:
            answer = self._answer(request, verb, resource, body, fault)
        except Failure as failure:
            return web.json_response(failure.status, status=failure.code)
        if fault == "late":
            return cut(request)
        return web.json_response(answer, status=201 if verb == "create" else 200)

    def _answer(self, request: web.Request, verb: str, resource: str, body: Object, fault: int | str | None) -> Object:
        namespace, name = request.match_info["namespace"], request.match_info.get("name", "")
        if isinstance(fault, int):
            raise Failure(fault, REASONS.get(fault, ""), MESSAGES.get(fault, REASONS.get(fault, "")))
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Failure(401, "Unauthorized", "Unauthorized")
        group = API_VERSIONS[resource].rpartition("/")[0]
        qualified = f"{resource}.{group}" if group else resource
        if (verb, resource) in self.denied:
            named = f'{qualified} "{name}"' if name else qualified
            raise Failure(
                403,
                "Forbidden",
                f'{named} is forbidden: User "{USER}" cannot {verb} resource "{resource}" in API group "{group}" in '
                f'the namespace "{namespace}"',
            )
        with self._lock:
            if verb == "list":
                return self._list(resource, namespace, request.query.get("labelSelector", ""))
            return {"get": self._get, "create": self._create, "update": self._update}[verb](
                resource, namespace, name, body, qualified
            )

    def _list(self, resource: str, namespace: str, selector: str) -> Object:
        """Those with the labels; each without what is the same for all, as in the real one's lists."""
        wanted = dict(term.split("=") for term in selector.split(",") if term)
        items = [
            {key: value for key, value in stored.items() if key not in {"apiVersion", "kind"}}
            for (kind, room, _), stored in sorted(self.objects.items())
            if (kind, room) == (resource, namespace)
            and wanted.items() <= (stored["metadata"].get("labels") or {}).items()
        ]
        listed = {"apiVersion": API_VERSIONS[resource], "kind": f"{KINDS[resource]}List"}
        return {**listed, "metadata": {"resourceVersion": str(next(self._versions))}, "items": items}

    def _get(self, resource: str, namespace: str, name: str, _: Object, qualified: str) -> Object:
        found = self.objects.get((resource, namespace, name))
        if found is None:
            raise Failure(404, "NotFound", f'{qualified} "{name}" not found', name=name, kind=resource)
        return found

    def _create(self, resource: str, namespace: str, _: str, body: Object, qualified: str) -> Object:
        name = body["metadata"]["name"]
        if namespace != NAMESPACE:
            missing = f'namespaces "{namespace}" not found'
            raise Failure(404, "NotFound", missing, name=namespace, kind="namespaces")
        validate(resource, name, body)
        if (resource, namespace, name) in self.objects:
            raise Failure(409, "AlreadyExists", f'{qualified} "{name}" already exists')
        return self._store(resource, namespace, name, body)

    def _update(self, resource: str, namespace: str, name: str, body: Object, qualified: str) -> Object:
        known = self.objects.get((resource, namespace, name))
        if known is None and resource == "leases":  # its strategy's AllowCreateOnUpdate is true, and none has this uid
            raise conflict(qualified, name, f"Precondition failed: UID in precondition: {body['metadata'].get('uid')}")
        found = self._get(resource, namespace, name, {}, qualified)
        given = body["metadata"].get("resourceVersion")
        if given is None and resource == "leases":  # its strategy's AllowUnconditionalUpdate is false
            raise invalid(
                resource, name, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
            )
        if body["metadata"].get("uid") not in {None, found["metadata"]["uid"]}:
            raise conflict(qualified, name, f"Precondition failed: UID in precondition: {body['metadata'].get('uid')}")
        if given is not None and given != found["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(qualified, name, why)
        validate(resource, name, body)
        return self._store(resource, namespace, name, body)

    def _store(self, resource: str, namespace: str, name: str, body: Object) -> Object:
        known = {"apiVersion": API_VERSIONS[resource], "kind": KINDS[resource]}
        before = self.objects.get((resource, namespace, name))
        version = str(next(self._versions))
        uid = before["metadata"]["uid"] if before else f"uid-{version}"
        metadata = body["metadata"] | {"namespace": namespace, "resourceVersion": version, "uid": uid}
        stored = body | known | {"metadata": metadata}
        self.objects[resource, namespace, name] = stored
        return stored


def conflict(qualified: str, name: str, why: str) -> Failure:
    return Failure(409, "Conflict", f'Operation cannot be fulfilled on {qualified} "{name}": {why}')


def invalid(resource: str, name: str, why: str) -> Failure:
    return Failure(422, "Invalid", f'{KINDS[resource]} "{name}" is invalid: {why}')


def validate(resource: str, name: str, body: Object) -> None:
    if (body["apiVersion"], body["kind"]) != (API_VERSIONS[resource], KINDS[resource]):
        raise Failure(400, "BadRequest", "the object provided is unrecognized")
    if resource == "configmaps":
        size = sum(len(value.encode()) for value in body.get("data", {}).values())
        if size > MAX_DATA:
            raise invalid(resource, name, f"[]: Too long: may not be more than {MAX_DATA} bytes")
        return
    spec = body.get("spec") or {}
    for moment in ("acquireTime", "renewTime"):
        if spec.get(moment) is not None and not MICRO_TIME.fullmatch(spec[moment]):
            raise Failure(
                400,
                "BadRequest",
                f'Lease in version "v1" cannot be handled as a Lease: parsing time "{spec[moment]}" as '
                '"2006-01-02T15:04:05.000000Z07:00": cannot parse',
            )
    if spec.get("leaseDurationSeconds", 1) <= 0:
        raise invalid(resource, name, "spec.leaseDurationSeconds: must be greater than 0")
    if spec.get("leaseTransitions", 0) < 0:
        raise invalid(resource, name, "spec.leaseTransitions: must be greater than or equal to 0")


def cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@contextmanager
def kube_api(tls: ssl.SSLContext | None = None) -> Iterator[KubeApi]:
    """A running one, on a free port."""
    api = KubeApi()
    started: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        application = web.Application(client_max_size=8 * MAX_DATA)
        for root in ("/api/v1", "/apis/coordination.k8s.io/v1"):
            for path in ("{resource}", "{resource}/{name}"):
                application.router.add_route("*", f"{root}/namespaces/{{namespace}}/{path}", api.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        api.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        ended = asyncio.Event()
        started.put((asyncio.get_running_loop(), ended))
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="kube-api")
    thread.start()
    loop, ended = started.get(timeout=10)
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def kubeconfig(folder: Path, api: KubeApi, token: str = "the-token") -> Path:
    """A file for KUBECONFIG."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": api.url}}],
        "users": [{"name": "adapter", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "adapter", "namespace": NAMESPACE}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path
