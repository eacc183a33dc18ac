"""A small Kubernetes API server, of ConfigMaps and Leases alone: ``python -m demo.kube_api --kubeconfig PATH``.

It is what adapters need for a checkpoint and for sharing vCenters, on one machine and without a cluster. Everything is
in memory. It writes a kubeconfig for it, which the environment variable KUBECONFIG then names.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from aiohttp import web

from demo.kube_objects import MAX_DATA, NAMESPACE, Failure, KubeObjects, KubeRequest, Object
from demo.listener import listen
from vcenter_source.core.http_server import catch_stop, stop_accepting

TOKEN = "the-token"
_VERBS = {"POST": "create", "PUT": "update"}
_ROOTS = ("/api/v1", "/apis/coordination.k8s.io/v1")
LEASES = f"{_ROOTS[1]}/namespaces/{NAMESPACE}/leases"


@dataclass
class KubeApi:
    """The API server. ``url`` is set once it listens."""

    url: str = ""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    kept: KubeObjects = field(default_factory=KubeObjects)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request."""
        asked = await read_request(request)
        try:
            self.authenticate(request)
            return send(asked, self.answer(asked))
        except Failure as failure:
            return send_failure(failure)

    def authenticate(self, request: web.Request) -> None:
        """Check the token. Raises Failure."""
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Failure(401, "Unauthorized", "Unauthorized")

    def answer(self, asked: KubeRequest) -> Object:
        """Do what is asked. Raises Failure."""
        return self.kept.answer(asked)


async def read_request(request: web.Request) -> KubeRequest:
    """Read what an HTTP request asks for."""
    about = request.match_info
    verb = _VERBS.get(request.method) or ("get" if "name" in about else "list")
    body = json.loads(await request.read() or b"{}")
    selector = request.query.get("labelSelector", "")
    return KubeRequest(verb, about["resource"], about["namespace"], about.get("name", ""), selector, body)


def send(asked: KubeRequest, answer: Object) -> web.Response:
    """Return the answer of a success."""
    return web.json_response(answer, status=201 if asked.verb == "create" else 200)


def send_failure(failure: Failure) -> web.Response:
    """Return the answer of a failure."""
    return web.json_response(failure.status, status=failure.code)


@asynccontextmanager
async def serve(api: KubeApi, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[None]:
    """Serve on loopback until the block is left. Raises OSError if the port is taken."""
    application = web.Application(client_max_size=8 * MAX_DATA)
    for root in _ROOTS:
        for path in ("{resource}", "{resource}/{name}"):
            application.router.add_route("*", f"{root}/namespaces/{{namespace}}/{path}", api.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    listener = listen("127.0.0.1", port)
    try:
        await web.SockSite(runner, listener, ssl_context=tls).start()
        api.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield
    finally:
        await stop_accepting(runner, [listener])
        await runner.cleanup()


def write_kubeconfig(path: Path, url: str, token: str = TOKEN) -> Path:
    """Write a file for KUBECONFIG, and return its path. Raises OSError."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "demo",
        "clusters": [{"name": "demo", "cluster": {"server": url}}],
        "users": [{"name": "adapter", "user": {"token": token}}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "adapter", "namespace": NAMESPACE}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


async def run(kubeconfig: Path, port: int) -> None:
    """Serve until SIGINT or SIGTERM. Raises OSError."""
    stop = catch_stop()
    api = KubeApi()
    async with serve(api, port=port):
        write_kubeconfig(kubeconfig, api.url)
        print(f"kube-api ready: {api.url}", flush=True)
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Exit status 2 if the port or the file cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.kube_api", description="A Kubernetes API server of ConfigMaps and Leases, in memory"
    )
    parser.add_argument("--kubeconfig", type=Path, required=True, help="the file to write, for KUBECONFIG")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run(options.kubeconfig, options.port))
    except OSError as exc:
        print(f"kube-api: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
