"""Tests for a handler.py: its handlers on the wire, and a simulated vCenter for them to act on.

    def test_it_tags_the_machine(function, vcenter):
        vcenter.create_tag("events/on")
        outcome = function.send(sample("VmPoweredOnEvent", **{"vm.name": "web-1"}))
        assert (outcome.status, outcome.handlers) == (204, ("mark",))
        assert vcenter.tags_on("VirtualMachine:vm-15") == ["events/on"]

The two fixtures come with a plugin of pytest, ``pytest_plugin``. A function is served as on a cluster, over HTTP and in
a thread of its own, so that a test needs neither ``async`` nor another plugin. A sample is about an object that the
simulated vCenter has (it has no distributed switches, host profiles and alarms), and its source counts as that vCenter.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import uvicorn

from vcenter_functions.event import Event
from vcenter_functions.http_limits import uvicorn_options
from vcenter_functions.kit import build_service, find_settings, load_own_settings_of
from vcenter_functions.logs import plain_tracebacks
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.registry import Handler, Registry, load
from vcenter_functions.samples import SOURCE, sample
from vcenter_functions.server import create_app
from vcenter_functions.tracing import Tracing

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from vcenter_simulator.inventory import Entity
    from vcenter_simulator.server import Simulator

__all__ = [
    "Function",
    "Outcome",
    "SimulatedVcenter",
    "load",
    "sample",
    "serve_registry",
    "simulate_vcenter",
    "write_vcenters",
]

STRUCTURED = {"content-type": "application/cloudevents+json"}
ANSWER_SECONDS = 30.0
"""How long an answer may take; TIMEOUT of the function ends it before."""

START_SECONDS = 10.0
"""How long a server may take to start or to end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event: the status of the answer, the error that it gives, and after how many seconds to retry.

    204 is success, also where no handler wants the event: ``handlers`` names those that do, and is not compared. A
    Broker drops an event after 422, and sends it again after 500 or 503.
    """

    status: int
    message: str = ""
    delay: float | None = None
    handlers: tuple[str, ...] = field(default=(), compare=False)


class _WatchedRegistry(Registry):
    """Handlers, and the names of those that wanted each event, by its id."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry.name, registry.handlers)
        self.wanted: dict[str, tuple[str, ...]] = {}

    def match(self, event: Event, sent_type: str = "") -> Iterator[Handler]:
        handlers = tuple(super().match(event, sent_type))
        self.wanted[event.id] = tuple(handler.name for handler in handlers)
        return iter(handlers)


class Function:
    """A function that is being served at ``url``."""

    def __init__(self, url: str, client: httpx.Client, wanted: dict[str, tuple[str, ...]]) -> None:
        self.url = url
        self._client = client
        self._wanted = wanted

    def send(self, event: Mapping[str, Any]) -> Outcome:
        """Send an event, a CloudEvent in JSON, and return what became of it."""
        answer = self._client.post(self.url, json=dict(event), headers=STRUCTURED)
        message = str(answer.json().get("error", "")) if answer.content else ""
        delay = answer.headers.get("retry-after")
        handlers = self._wanted.pop(str(event.get("id")), ())
        return Outcome(answer.status_code, message, float(delay) if delay else None, handlers)


class SimulatedVcenter:
    """A simulated vCenter with a few objects, such as the VM ``web-1``, which is ``VirtualMachine:vm-15``.

    ``account`` is who may log in: a user name and a password.
    """

    def __init__(self, simulator: "Simulator", account: tuple[str, str]) -> None:
        self.simulator = simulator
        self.account = account

    @property
    def url(self) -> str:
        """The address of its SOAP API, for VCENTER_URL."""
        return self.simulator.url

    @property
    def source(self) -> str:
        """The ``source`` of its events."""
        return self.url

    def variables(self) -> dict[str, str]:
        """Return the settings of a function that is to use it. The source of samples counts as this vCenter."""
        username, password = self.account
        account = {"VCENTER_USERNAME": username, "VCENTER_PASSWORD": password}
        return {"VCENTER_URL": self.url, "VCENTER_ALIASES": str(urlsplit(SOURCE).hostname), **account}

    def create_tag(self, tag: str) -> None:
        """Create a tag, ``category/name``, and its category, unless they exist. Raises ValueError for another form."""
        category_name, _, name = tag.partition("/")
        if not category_name or not name:
            raise ValueError(f"{tag!r} is not a tag; write it as category/name")
        tagging = self.simulator.vcenter.tagging
        with httpx.Client(base_url=self.simulator.base, auth=self.account) as client:
            client.headers["vmware-api-session-id"] = client.post("/api/session").raise_for_status().json()
            category = next((each.id for each in list(tagging.categories.values()) if each.name == category_name), "")
            if not category:
                wanted = {"name": category_name, "description": "", "cardinality": "MULTIPLE", "associable_types": []}
                category = client.post("/api/cis/tagging/category", json=wanted).raise_for_status().json()
            if name in [each.name for each in tagging.tags_of(category)]:
                return
            tag_spec = {"category_id": category, "name": name, "description": ""}
            client.post("/api/cis/tagging/tag", json=tag_spec).raise_for_status()

    def tags_on(self, reference: str | ManagedObjectReference) -> list[str]:
        """Return the tags of an object (``VirtualMachine:vm-15``), each as ``category/name``, sorted.

        Raises LookupError where there is no such object.
        """
        self._find(reference)
        tagging = self.simulator.vcenter.tagging
        tags = [tagging.tag(urn) for urn in tagging.tags_on(_split(reference))]
        return sorted(f"{tagging.category(tag.category_id).name}/{tag.name}" for tag in tags)

    def attributes_of(self, reference: str | ManagedObjectReference) -> dict[str, str]:
        """Return the custom attributes of an object, by name. Raises LookupError where there is no such object."""
        names = {field.key: field.name for field in self.simulator.vcenter.custom_fields.all()}
        return {names[key]: value for key, value in self._find(reference).custom_values.items()}

    def _find(self, reference: str | ManagedObjectReference) -> "Entity":
        kind, moid = _split(reference)
        entity = self.simulator.vcenter.inventory.objects.get(moid)
        if entity is None or entity.type != kind:
            raise LookupError(f"the simulated vCenter has no object {str(reference)!r}; one is VirtualMachine:vm-15")
        return entity


@contextmanager
def simulate_vcenter() -> Iterator[SimulatedVcenter]:
    """Run a simulated vCenter on a free port. Raises RuntimeError where its packages are missing."""
    try:
        from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
        from vcenter_simulator.testing import run_simulator
    except ImportError as exc:
        raise RuntimeError(
            f"a simulated vCenter needs {exc.name}; install it with: pip install 'vcenter-source[simulator]'"
        ) from exc
    with run_simulator() as simulator:
        yield SimulatedVcenter(simulator, (ADMINISTRATOR, PASSWORD))


def write_vcenters(folder: Path, vcenters: Mapping[str, SimulatedVcenter]) -> dict[str, str]:
    """Write a file of vCenters, each with its name, into a folder; return the setting that names it: VCENTERS_FILE.

    A function reads the file again if a test writes it anew.
    """
    file = folder / "vcenters.yaml"
    entries = (
        {"name": name, "url": vcenter.url, "username": vcenter.account[0], "password": vcenter.account[1]}
        for name, vcenter in vcenters.items()
    )
    file.write_text(json.dumps(list(entries)), encoding="utf-8")  # JSON is YAML, too
    return {"VCENTERS_FILE": str(file)}


@contextmanager
def serve_registry(registry: Registry) -> Iterator[Function]:
    """Serve the handlers of a file, which ``load`` returns, on a free port. The settings come from the environment.

    Raises SettingsError.
    """
    own = load_own_settings_of(registry)
    watched = _WatchedRegistry(registry)
    service = build_service(watched, find_settings(registry, own.values()), Tracing(registry.name), own)
    with ExitStack() as stack:
        stack.enter_context(plain_tracebacks())
        url = stack.enter_context(_serve(create_app(service)))
        client = stack.enter_context(httpx.Client(trust_env=False, timeout=ANSWER_SECONDS))
        yield Function(url, client, watched.wanted)


@contextmanager
def _serve(app: "ASGIApp") -> Iterator[str]:
    options = uvicorn_options()
    server = _Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, **options))
    thread = threading.Thread(target=server.run, name="function", daemon=True)
    thread.start()
    if not server.is_listening.wait(START_SECONDS):
        raise TimeoutError(f"the function does not start within {START_SECONDS:g} s")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_listening.set()


def _split(reference: str | ManagedObjectReference) -> tuple[str, str]:
    kind, _, moid = str(reference).partition(":")
    return kind, moid
