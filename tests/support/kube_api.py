"""The API server of the demo, in a thread of the test, with faults: see ``KubeApi.fault``."""

import asyncio
import copy
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aiohttp import web

from demo import kube_api as demo_api
from demo import kube_objects
from demo.kube_api import TOKEN, read_request, send, send_failure, write_kubeconfig
from demo.kube_objects import Failure, KubeRequest, Object, api_group, qualify

NAMESPACE = kube_objects.NAMESPACE
USER = f"system:serviceaccount:{NAMESPACE}:adapter"
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


@dataclass
class KubeApi(demo_api.KubeApi):
    """``fault`` befalls the requests of which ``faulty`` says so; both may be set from the test's thread at any time.

    A number answers so; ``hang`` does nothing and gives no answer; ``late`` does what is asked and gives none; ``cut``
    closes the connection; ``page`` answers with a page of HTML and ``page_status``, as a load balancer in front of it
    does.
    """

    denied: set[tuple[str, str]] = field(default_factory=set)
    """``(verb, resource)`` that RBAC does not allow."""
    fault: int | Literal["hang", "late", "cut", "page"] | None = None
    page_status: int = 503
    faulty: Callable[[str, str], bool] = lambda verb, resource: True
    requests: list[tuple[str, str, Object]] = field(default_factory=list)
    """Verb, resource and body of all that was asked."""

    # What a test does, as kubectl would.

    def get(self, resource: str, name: str, namespace: str = NAMESPACE) -> Object | None:
        with self.kept.lock:
            return copy.deepcopy(self.kept.objects.get((resource, namespace, name)))

    def put(self, resource: str, name: str, content: Object, namespace: str = NAMESPACE) -> None:
        """Make it, or change it whatever is there."""
        with self.kept.lock:
            new = {"metadata": {"name": name, "namespace": namespace}}
            before = self.kept.objects.get((resource, namespace, name), new)
            self.kept.store(resource, namespace, name, copy.deepcopy(before) | copy.deepcopy(content))

    def delete(self, resource: str, name: str, namespace: str = NAMESPACE) -> None:
        with self.kept.lock:
            del self.kept.objects[resource, namespace, name]

    def verbs(self, resource: str) -> list[str]:
        return [verb for verb, about, _ in self.requests if about == resource]

    # What the API server does.

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await read_request(request)
        self.requests.append((asked.verb, asked.resource, asked.body))
        fault = self.fault if self.faulty(asked.verb, asked.resource) else None
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "page":
            page = "<html>no healthy upstream</html>"
            return web.Response(status=self.page_status, text=page, content_type="text/html")
        if fault == "cut":
            return cut(request)
        try:
            fail(fault)
            self.authenticate(request)
            self.authorize(asked)
            answer = self.answer(asked)
        except Failure as failure:
            return send_failure(failure)
        return cut(request) if fault == "late" else send(asked, answer)

    def authorize(self, asked: KubeRequest) -> None:
        """As RBAC does. Raises Failure."""
        if (asked.verb, asked.resource) in self.denied:
            named = f'{qualify(asked.resource)} "{asked.name}"' if asked.name else qualify(asked.resource)
            raise Failure(
                403,
                "Forbidden",
                f'{named} is forbidden: User "{USER}" cannot {asked.verb} resource "{asked.resource}" in API group '
                f'"{api_group(asked.resource)}" in the namespace "{asked.namespace}"',
            )


def fail(fault: object) -> None:
    if isinstance(fault, int):
        raise Failure(fault, REASONS.get(fault, ""), MESSAGES.get(fault, REASONS.get(fault, "")))


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
        async with demo_api.serve(api, tls):
            ended = asyncio.Event()
            started.put((asyncio.get_running_loop(), ended))
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="kube-api")
    thread.start()
    loop, ended = started.get(timeout=10)
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def kubeconfig(folder: Path, api: KubeApi, token: str = TOKEN) -> Path:
    """A file for KUBECONFIG."""
    return write_kubeconfig(folder / "kubeconfig", api.url, token)
