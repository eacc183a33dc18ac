"""The event router of VMware's event broker appliance, as a process on this machine alone.

It expects a cluster: a token at a fixed path, which it gets in a mount namespace of its own (``unshare``), and an API
server, which it never contacts if its sink is an address.
"""

import json
import shutil
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bench.processes import run_process
from bench.senders import PASSWORD, USERNAME, old_checkpoint

LOOKS_BACK = timedelta(minutes=50)
"""It reads no more than the last hour, whatever its checkpoint says."""

ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
IN_A_CLUSTER = f'mount -t tmpfs none /run && mkdir -p {ACCOUNT} && echo none >{ACCOUNT}/token && exec "$@"'


@dataclass(frozen=True)
class EventRouter:
    """Needs ``unshare`` of util-linux, and user namespaces."""

    binary: Path
    name: str = "event router"

    @asynccontextmanager
    async def start(self, vcenter: str, sink: str, *, backlog: bool) -> AsyncIterator[Process]:
        """With its checkpoint in a file, saved every five seconds, as its own default has it."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            if backlog:
                time = datetime.now(UTC) - LOOKS_BACK
                kept = folder / f"cp-{urlsplit(vcenter).hostname}.json"
                kept.write_text(json.dumps(old_checkpoint(time.strftime("%Y-%m-%dT%H:%M:%SZ"))))
            (folder / "config.yaml").write_text(json.dumps(config(vcenter, sink, folder)))
            environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9", "HOME": name}
            apart = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c"]
            router = [str(self.binary), "-config", "config.yaml", "-log-level", "warn"]
            command = [*apart, IN_A_CLUSTER, "sh", *router]
            async with run_process(*command, environment=environment, stdout=DEVNULL, folder=folder) as process:
                yield process


def config(vcenter: str, sink: str, folder: Path) -> dict[str, Any]:
    """Return its configuration; JSON is YAML too."""
    parts = urlsplit(sink)
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics = "{}:{}".format(*free.getsockname()[:2])
    credentials = {"type": "basic_auth", "basicAuth": {"username": USERNAME, "password": PASSWORD}}
    provider = {"address": vcenter, "insecureSSL": True, "auth": credentials}
    processor = {
        "encoding": "binary",
        "insecureSSL": True,
        "destination": {"uri": {"scheme": parts.scheme, "host": parts.netloc, "path": parts.path}},
    }
    return {
        "apiVersion": "event-router.vmware.com/v1alpha1",
        "kind": "RouterConfig",
        "metadata": {"name": "bench"},
        "eventProvider": {
            "type": "vcenter",
            "name": "bench",
            "vcenter": {**provider, "checkpoint": True, "checkpointDir": str(folder)},
        },
        "eventProcessor": {"type": "knative", "name": "bench", "knative": processor},
        "metricsProvider": {"type": "default", "name": "bench", "default": {"bindAddress": metrics}},
    }
