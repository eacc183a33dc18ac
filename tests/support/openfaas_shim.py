"""The OpenFaaS shim as a process, and functions in its map."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from cloudevents.core.bindings.http import HTTPMessage, to_binary
from cloudevents.core.v1.event import CloudEvent

from tests.support import loopback
from tests.support.openfaas_gateway import FakeGateway, Function
from tests.support.processes import process, wait_for_line
from tests.support.simulator_control import LOGIN
from tests.support.waiting import eventually
from vcenter_simulator.server import Simulator
from vcenter_source.events.codec import OrjsonFormat

POOL_TYPE = "com.vmware.event.resourcepool.created"


@dataclass(frozen=True)
class Shim:
    process: subprocess.Popen[str]
    url: str

    def post(self, message: HTTPMessage, path: str = "/", **headers: str) -> httpx.Response:
        return loopback.post(self.url + path, content=message.body, headers=message.headers | headers, timeout=20)

    def post_spoilt(self, message: HTTPMessage, name: bytes) -> httpx.Response:
        """With a header that is no UTF-8."""
        headers = [(each.encode(), value.encode()) for each, value in message.headers.items()]
        return httpx.post(self.url, content=message.body, headers=[*headers, (name, b"\xff")], timeout=20)

    def get(self, path: str) -> httpx.Response:
        return loopback.get(self.url + path, timeout=5)


@contextmanager
def shim_at(gateway: FakeGateway, **settings: str) -> Iterator[Shim]:
    where = {"OPENFAAS_URL": gateway.url, "HOST": "127.0.0.1", "PORT": "0", "TOPIC_MAP_INTERVAL": "0.1"}
    with process("vcenter_source", "openfaas-shim", **(where | settings)) as shim:
        port = wait_for_line(shim, "accepting CloudEvents").rpartition("port=")[2].strip()
        yield Shim(shim, f"http://127.0.0.1:{port}")


@contextmanager
def deploy(shim: Shim, gateway: FakeGateway, name: str, **annotations: str) -> Iterator[Function]:
    """A function for events of resource pools, in the shim's map."""
    before = shim.get("/readyz").json()["functions"] or 0
    function = gateway.deploy(name, POOL_TYPE, **annotations)
    eventually(lambda: shim.get("/readyz").json()["functions"] == before + 1)
    yield function
    gateway.remove(name)
    eventually(lambda: shim.get("/readyz").json()["functions"] == before)


def binary(event: CloudEvent) -> HTTPMessage:
    return to_binary(event, OrjsonFormat())


def adapter_settings(simulator: Simulator, **settings: str) -> dict[str, str]:
    return {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "EVENT_TYPES": POOL_TYPE} | LOGIN | settings
