"""kube-apiserver and etcd, which others wrote: found, and run with RBAC on; what an administrator does there."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from vcenter_simulator.certificate import make_certificate

Object = dict[str, Any]

ADMINISTRATOR = "an-administrators-token"
STRICT = {"fieldValidation": "Strict"}
"""As ``kubectl apply --validate=strict`` asks: a field that no schema has is refused."""


def binary(name: str) -> str | None:
    """A program in the folder that KUBEBUILDER_ASSETS names, as controller-runtime's envtest knows it, else on PATH."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return (shutil.which(name, path=folder) if folder else None) or shutil.which(name)


MISSING = [name for name in ("kube-apiserver", "etcd") if binary(name) is None]
"""What has to be there and is not."""

NEEDED = pytest.mark.skipif(
    bool(MISSING), reason=f"NOT RUN: no {' and no '.join(MISSING)} in KUBEBUILDER_ASSETS or on PATH"
)


@dataclass
class ApiServer:
    """One that runs, or has been stopped; ``client`` speaks as an administrator whom RBAC allows everything."""

    command: list[str]
    folder: Path
    client: httpx.Client
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it is, also after a restart."""
        return str(self.client.base_url).rstrip("/")

    def start(self) -> None:
        """Run it, and wait until it is ready: it answers long before all of its own objects are made."""
        log = self.folder / "api.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if self.client.get("/readyz").is_success:
                    return
            time.sleep(0.2)
        raise AssertionError(f"kube-apiserver is not ready:\n{log.read_text(encoding='utf-8')[-3000:]}")

    def kill(self) -> None:
        """End it at once; what it keeps is in etcd."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Such as SIGSTOP: connections are taken by the system, and nothing answers."""
        assert self.process is not None
        self.process.send_signal(number)

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Object:
        """What it answers; everything but success is a failure of the test, with what it says."""
        answer = self.client.request(method, path, json=body, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        said: Object = answer.json()
        return said

    def get(self, path: str) -> Object | None:
        """The object at this path, None where there is none."""
        answer = self.client.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def eventually_serves(self, version: str, kind: str) -> None:
        """Wait until it serves a kind that a CustomResourceDefinition has just made."""
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        deadline = time.monotonic() + 30
        while not any(each["kind"] == kind for each in (self.get(path) or {}).get("resources", ())):
            assert time.monotonic() < deadline, f"{kind} of {version} is not served"
            time.sleep(0.1)

    def token_of(self, namespace: str, account: str) -> str:
        """A token such as the kubelet mounts into the pods of a service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        return str(self.request("POST", path, body)["status"]["token"])

    def kubeconfig(self, file: Path, token: str, namespace: str) -> Path:
        """A file for KUBECONFIG."""
        cluster = {"server": self.url, "certificate-authority": str(self.folder / "server.crt")}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user", "namespace": namespace}}],
        }
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return file


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; both programs want to be told theirs."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def options(values: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


@contextmanager
def etcd(folder: Path) -> Iterator[str]:
    """etcd with its data in this folder; yields its address."""
    clients, peers = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    given = {
        "data-dir": folder / "etcd",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "unsafe-no-fsync": "true",
    }
    log = (folder / "etcd.log").open("wb")
    with log, subprocess.Popen([str(binary("etcd")), *options(given)], stdout=log, stderr=log) as process:
        try:
            yield clients
        finally:
            process.kill()


def write_credentials(folder: Path) -> None:
    """The server's certificate, the key that signs service accounts' tokens, and the administrator's token."""
    certificate, key = make_certificate()
    (folder / "server.crt").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)
    signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = signing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "accounts.key").write_bytes(plain)
    (folder / "tokens.csv").write_text(f"{ADMINISTRATOR},administrator,1,system:masters\n", encoding="utf-8")


def command(folder: Path, storage: str, port: int) -> list[str]:
    """kube-apiserver as a cluster runs it, but for the controllers, which it lacks; RBAC decides."""
    given = {
        "etcd-servers": storage,
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": folder / "server.crt",
        "tls-private-key-file": folder / "server.key",
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": folder / "accounts.key",
        "service-account-signing-key-file": folder / "accounts.key",
        "service-cluster-ip-range": "10.0.0.0/24",
        "cert-dir": folder,
    }
    return [str(binary("kube-apiserver")), *options(given)]


def speaker(url: str, folder: Path, token: str) -> httpx.Client:
    """A client that shows this token."""
    trust = ssl.create_default_context(cafile=str(folder / "server.crt"))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, headers=headers, verify=trust, trust_env=False, timeout=30)


@contextmanager
def run_api_server(folder: Path) -> Iterator[ApiServer]:
    """Run both with their data in this folder; they are killed at the end."""
    write_credentials(folder)
    (port,) = free_ports(1)
    with etcd(folder) as storage, speaker(f"https://127.0.0.1:{port}", folder, ADMINISTRATOR) as client:
        server = ApiServer(command(folder, storage, port), folder, client)
        try:
            server.start()
            yield server
        finally:
            server.kill()
