"""A handler.py on the wire: what the tests of the kit share."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx

from tests.support import loopback
from tests.support.fork_server import Forked
from tests.support.pytag import serve_app
from vcenter_functions.http_limits import uvicorn_options
from vcenter_functions.kit import build_service, load_own_settings_of
from vcenter_functions.registry import Registry, load
from vcenter_functions.server import create_app
from vcenter_functions.server_settings import ServerSettings
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.tracing import Tracing
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD

IMPORTS = "from vcenter_functions import *\n"


def load_text(folder: Path, text: str) -> Registry:
    """Load a handler.py with this text."""
    file = folder / "handler.py"
    file.write_text(IMPORTS + dedent(text))
    return load(file)


@contextmanager
def serve_handlers(
    registry: Registry, vcenter: str = "", tracing: Tracing | None = None, **variables: str
) -> Iterator[httpx.Client]:
    """Serve the handlers of a registry, with the vCenter at this address if there is one."""
    account = {"VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD, "VCENTER_ALIASES": "vcenter.test"}
    settings: ServerSettings
    if vcenter:
        settings = FunctionSettings.load(VCENTER_URL=vcenter, **account, **variables)
    else:
        settings = ServerSettings.load(**variables)
    service = build_service(registry, settings, tracing or Tracing(registry.name), load_own_settings_of(registry))
    with (
        serve_app(create_app(service), **uvicorn_options()) as url,
        loopback.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield client


@contextmanager
def kit_process(file: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``python -m vcenter_functions handler.py`` in its own process, and its base URL."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV") or name == "PATH"}
    environment = {**kept, "HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", **variables}
    with Forked(environment, "vcenter_functions", str(file)) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            assert " ready: http://127.0.0.1:" in line, line
            yield running, line.partition(" ready: ")[2].strip()
        finally:
            running.kill()


def structured(**attributes: Any) -> dict[str, Any]:
    """An event of a VM that was powered on, in the format of vcenter-source, as JSON."""
    usual = {
        "specversion": "1.0",
        "id": "42",
        "source": "https://vcenter.test/sdk",
        "type": "com.vmware.event.vm.poweredon",
        "subject": "VirtualMachine:vm-15",
        "time": "2026-01-31T08:00:00Z",
        "datacontenttype": "application/json",
        "eventclass": "event",
        "eventname": "VmPoweredOnEvent",
        "eventancestors": "VmPoweredOnEvent,VmEvent,Event",
        "severitytext": "INFO",
        "data": VM_POWERED_ON,
    }
    return {name: value for name, value in {**usual, **attributes}.items() if value is not None}


def post(client: httpx.Client, **attributes: Any) -> httpx.Response:
    """Post such an event."""
    headers = {"content-type": "application/cloudevents+json"}
    return client.post("/", json=structured(**attributes), headers=headers)


VM_POWERED_ON = {
    "_typeName": "VmPoweredOnEvent",
    "key": 42,
    "createdTime": "2026-01-31T08:00:00Z",
    "userName": "VSPHERE.LOCAL\\Administrator",
    "fullFormattedMessage": "web-1 is powered on",
    "vm": {
        "_typeName": "VmEventArgument",
        "name": "web-1",
        "vm": {"_typeName": "ManagedObjectReference", "type": "VirtualMachine", "value": "vm-15"},
    },
}
