"""The senders that are measured: this project's adapter, and VMware's VSphereSource if its binary is given.

Each runs as a process of its own with its own defaults, but for: logs of warnings alone, JSON for data, and a
checkpoint that has it read a backlog from the beginning. (``bench.router`` is the third.)
"""

import json
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from aiohttp import web

from bench.processes import run_process

USERNAME, PASSWORD = "administrator@vsphere.local", "VMware1!"

VIJSON = "adapter, VI/JSON"
"""What the adapter is called where it reads vCenter's own JSON."""

CONFIG_MAP = "/api/v1/namespaces/bench/configmaps/checkpoint"


class Sender(Protocol):
    """Something that reads a vCenter's events and posts them."""

    @property
    def name(self) -> str:
        """The name in the tables."""

    def start(self, vcenter: str, sink: str, *, backlog: bool) -> AbstractAsyncContextManager[Process]:
        """Run it: from the oldest event on, or for what is new only."""


@dataclass(frozen=True)
class Adapter:
    """``vcenter-source run``. ``more`` is added to its environment."""

    name: str = "adapter"
    more: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = (sys.executable, "-m", "vcenter_source", "run")

    @asynccontextmanager
    async def start(self, vcenter: str, sink: str, *, backlog: bool) -> AsyncIterator[Process]:
        """With a checkpoint in a file, saved each second."""
        with TemporaryDirectory() as folder:
            environment = {
                "VCENTER_URL": vcenter,
                "VCENTER_USERNAME": USERNAME,
                "VCENTER_PASSWORD": PASSWORD,
                "K_SINK": sink,
                "START_FROM": "beginning" if backlog else "now",
                "CHECKPOINT": f"file://{folder}/checkpoint",
                "HEALTH_PORT": "0",
                "LOG_LEVEL": "warning",
                **self.more,
            }
            async with run_process(*self.command, environment=environment, stdout=DEVNULL) as process:
                yield process


@dataclass(frozen=True)
class VSphereSource:
    """The adapter of VMware's sources-for-knative. Its checkpoint is in a ConfigMap of a simulated API."""

    binary: Path
    name: str = "VSphereSource"

    @asynccontextmanager
    async def start(self, vcenter: str, sink: str, *, backlog: bool) -> AsyncIterator[Process]:
        """With a checkpoint saved each ten seconds, as its own default has it."""
        checkpoint = json.dumps(old_checkpoint("2020-01-01T00:00:00Z")) if backlog else None
        async with config_map(checkpoint) as api:
            with TemporaryDirectory() as name:
                (Path(name) / "username").write_text(USERNAME)
                (Path(name) / "password").write_text(PASSWORD)
                environment = {
                    "NAMESPACE": "bench",
                    "NAME": "bench",
                    "SYSTEM_NAMESPACE": "bench",
                    "HOME": name,
                    "VC_URL": vcenter,
                    "VC_INSECURE": "true",
                    "VC_SECRET_PATH": name,
                    "K_SINK": sink,
                    "VSPHERE_KVSTORE_CONFIGMAP": "checkpoint",
                    "VSPHERE_CHECKPOINT_CONFIG": json.dumps({"maxAge": "1000000h", "period": "10s"}),
                    "VSPHERE_PAYLOAD_ENCODING": "application/json",
                    "K_LOGGING_CONFIG": json.dumps({"zap-logger-config": '{"level": "warn", "encoding": "json"}'}),
                    "K_METRICS_CONFIG": "{}",
                    "K_OBSERVABILITY_CONFIG": "{}",
                }
                async with run_process(
                    self.binary, "--server", api, environment=environment, stdout=DEVNULL
                ) as process:
                    yield process


def old_checkpoint(time: str) -> dict[str, Any]:
    """Return a checkpoint as VMware's senders keep it: they resume from its time."""
    return {
        "vCenter": "bench",
        "lastEventKey": 1,
        "lastEventType": "UserLoginSessionEvent",
        "lastEventKeyTimestamp": time,
        "createdTimestamp": time,
    }


@asynccontextmanager
async def config_map(checkpoint: str | None) -> AsyncIterator[str]:
    """Serve a Kubernetes API with one ConfigMap that holds this checkpoint; yields its address."""
    stored: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "checkpoint", "namespace": "bench", "resourceVersion": "1"},
        "data": {} if checkpoint is None else {"checkpoint": checkpoint},
    }

    async def get(_request: web.Request) -> web.Response:
        return web.json_response(stored)

    async def put(request: web.Request) -> web.Response:
        stored.update(await request.json())
        return web.json_response(stored)

    application = web.Application()
    application.add_routes([web.get(CONFIG_MAP, get), web.put(CONFIG_MAP, put)])
    async with serve(application) as address:
        yield address


@asynccontextmanager
async def serve(application: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; yields its address."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
