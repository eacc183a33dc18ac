"""vcenter.properties, attributes, alarms and soap: vCenter's SOAP API, against the simulator, on the wire."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from pyVmomi import vmodl
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.support.forward_proxy import forward_proxy
from tests.support.kit import load_text, post, serve_handlers
from tests.support.pytag import serve_app, settings
from vcenter_functions.errors import (
    ForbiddenError,
    LoginRefusedError,
    NoObjectError,
    NotFoundError,
    PermanentError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.targets import Targets
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.api import VCenter
from vcenter_functions.vcenter.sessions import VCenters
from vcenter_simulator.accounts import READER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator, service_instance

SOURCE = "https://vcenter.test/sdk"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with run_simulator() as running:
        yield running


@pytest.fixture(scope="module")
def machine(simulator: Simulator) -> ManagedObjectReference:
    with service_instance(simulator) as service:
        content = service.RetrieveContent()
        view = content.viewManager.CreateContainerView(content.rootFolder, None, True)
        found = next(each for each in view.view if type(each).__name__ == "vim.VirtualMachine")
        return ManagedObjectReference("VirtualMachine", found._moId)


def run(base: str, work: Callable[[VCenter], Awaitable[Any]], tracing: Tracing | None = None, **given: str) -> Any:
    async def inner() -> Any:
        vcenters = VCenters(Targets(settings(base, **given)), tracing or Tracing("test"))
        try:
            return await work(vcenters.of(SOURCE))
        finally:
            await vcenters.close()

    return asyncio.run(inner())


def test_properties_are_plain_values(simulator: Simulator, machine: ManagedObjectReference) -> None:
    names = ("name", "runtime.powerState", "summary.config", "parent", "customValue")
    found = run(simulator.base, lambda own: own.properties(machine, *names))
    assert list(found) == list(names)
    assert type(found["name"]) is type(found["runtime.powerState"]) is str
    assert found["summary.config"]["name"] == found["name"]
    assert found["parent"].type == "Folder"
    assert found["customValue"] in (None, [])


def test_attributes_are_set_by_name(simulator: Simulator, machine: ManagedObjectReference) -> None:
    async def work(own: VCenter) -> None:
        await own.attributes.set(machine, "owner", "ann")
        await own.attributes.set(machine, "created", "2026-11-28")
        await own.attributes.set(machine, "owner", "bob")
        assert await own.attributes.get(machine) == {"owner": "bob", "created": "2026-11-28"}
        with service_instance(simulator) as service:  # somebody deletes one, and it has another number then
            manager = service.RetrieveContent().customFieldsManager
            manager.RemoveCustomFieldDef(next(field.key for field in manager.field if field.name == "owner"))
        await own.attributes.set(machine, "owner", "cyd")
        await own.attributes.set(machine, "created", "")
        assert await own.attributes.get(machine) == {"owner": "cyd"}

    run(simulator.base, work)


def test_an_attribute_of_other_objects_alone_refuses_the_event(
    simulator: Simulator, machine: ManagedObjectReference
) -> None:
    async def work(own: VCenter) -> None:
        await own.soap(lambda content: content.customFieldsManager.AddCustomFieldDef("rack", _host_type(), None, None))
        await own.attributes.set(machine, "rack", "7")

    with pytest.raises(VcenterRefusedError, match="'rack' is not for objects of type VirtualMachine"):
        run(simulator.base, work)


def _host_type() -> Any:
    from pyVmomi import vim

    return vim.HostSystem


def test_alarm_actions_are_switched(simulator: Simulator, machine: ManagedObjectReference) -> None:
    async def work(own: VCenter) -> list[Any]:
        states = []
        for switch in (own.alarms.disable, own.alarms.enable):
            await switch(machine)
            states.append((await own.properties(machine, "alarmActionsEnabled"))["alarmActionsEnabled"])
        return states

    assert run(simulator.base, work) == [False, True]


def test_soap_logs_in_once_and_again_when_the_session_has_ended(simulator: Simulator) -> None:
    async def work(own: VCenter) -> None:
        before = len(simulator.vcenter.sessions)
        names = await asyncio.gather(*(own.soap(lambda content: content.about.apiVersion) for _ in range(20)))
        assert len(set(names)) == 1
        assert len(simulator.vcenter.sessions) == before + 1
        with service_instance(simulator) as service:
            manager = service.RetrieveContent().sessionManager
            mine = manager.currentSession.key
            manager.TerminateSession([each.key for each in manager.sessionList if each.key != mine])
        await asyncio.gather(*(own.soap(lambda content: content.rootFolder.name) for _ in range(10)))
        assert len(simulator.vcenter.sessions) == before + 1

    run(simulator.base, work)
    assert len(simulator.vcenter.sessions) == 0, "it logs out at the end"


def test_a_wrong_password_is_counted_once_for_rest_and_soap(
    simulator: Simulator, machine: ManagedObjectReference
) -> None:
    async def work(own: VCenter) -> None:
        for attempt in (own.soap(lambda content: content.rootFolder.name), own.tags.list(machine), own.check()):
            with pytest.raises(LoginRefusedError, match="tried again in 60 seconds") as caught:
                await attempt
            assert caught.value.delay
        with pytest.raises(LoginRefusedError):
            await own.attributes.set(machine, "owner", "ann")

    run(simulator.base, work, VCENTER_PASSWORD="wrong")


def test_rest_and_soap_do_not_try_a_wrong_password_at_once(machine: ManagedObjectReference) -> None:
    with run_simulator(latency=0.2) as slow:

        async def work(own: VCenter) -> None:
            tries = (own.soap(lambda content: content.rootFolder.name), own.tags.list(machine), own.check())
            outcomes = await asyncio.gather(*tries, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [LoginRefusedError] * 3
            delays = [outcome.delay or 0 for outcome in outcomes if isinstance(outcome, LoginRefusedError)]
            assert max(delays) <= 60, "a second refusal would make it 120"

        run(slow.base, work, VCENTER_PASSWORD="wrong")


def test_faults_say_whether_to_come_again(simulator: Simulator, machine: ManagedObjectReference) -> None:
    gone = ManagedObjectReference("VirtualMachine", "vm-9999")

    async def work(own: VCenter) -> None:
        with pytest.raises(NotFoundError, match="vCenter has no object"):
            await own.properties(gone, "name")
        with pytest.raises(VcenterRefusedError, match="InvalidProperty"):
            await own.properties(machine, "nonsense")
        with pytest.raises(PermanentError, match="no objects of type Nonsense"):
            await own.properties(ManagedObjectReference("Nonsense", "x-1"), "name")
        with pytest.raises(NoObjectError):
            await own.alarms.disable(None)
        with pytest.raises(VcenterUnavailableError, match="not ready: SystemError"):
            await own.soap(lambda _: _fail(vmodl.fault.SystemError(msg="busy")))
        with pytest.raises(ZeroDivisionError):
            await own.soap(lambda _: 1 / 0)

    run(simulator.base, work)


def _fail(fault: Exception) -> None:
    raise fault


def test_a_reader_may_not_set_what_it_reads(simulator: Simulator, machine: ManagedObjectReference) -> None:
    with pytest.raises(ForbiddenError, match=r"the account lacks .* on"):
        run(simulator.base, lambda own: own.alarms.disable(machine), VCENTER_USERNAME=READER)


def test_what_is_no_soap_is_never_success() -> None:
    app = Starlette(routes=[Route("/sdk", lambda _: PlainTextResponse("<html>welcome</html>"), methods=["POST"])])
    with serve_app(app) as base, pytest.raises(VcenterUnavailableError, match="not a vCenter's answer to POST /sdk"):
        run(base, lambda own: own.soap(lambda content: content.about))
    with pytest.raises(VcenterUnavailableError, match="no answer from vCenter at"):
        run(base, lambda own: own.soap(lambda content: content.about))


def test_each_call_is_a_client_span_beneath_the_events(simulator: Simulator, machine: ManagedObjectReference) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing("test", provider)
    event = CloudEvent({"specversion": "1.0", "id": "1", "source": SOURCE, "type": "t"}, None)

    async def work(own: VCenter) -> None:
        with tracing.event_span(event, {}):
            await own.properties(machine, "name")

    run(simulator.base, work, tracing)
    spans = exporter.get_finished_spans()
    calls = [span.name for span in spans if span.kind is SpanKind.CLIENT]
    assert calls == ["RetrieveServiceContent", "RetrieveServiceContent", "Login", "RetrievePropertiesEx"]
    (step,) = [span for span in spans if span.name == "read properties"]
    parents = {span.parent.span_id for span in spans if span.kind is SpanKind.CLIENT and span.parent}
    assert step.context is not None
    assert parents == {step.context.span_id}


def test_pyvmomi_is_loaded_when_it_is_first_needed() -> None:
    code = "import sys, vcenter_functions.vcenter.api, pytag.handler; sys.exit('pyVmomi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def read_api_version(own: VCenter) -> Awaitable[Any]:
    return own.soap(lambda content: content.about.apiVersion)


def test_soap_trusts_the_authority_that_is_set_and_no_other(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with run_simulator(tls=True, trust_cert=ca_file) as secure:
        assert run(secure.base, read_api_version, VCENTER_CA_FILE=str(ca_file))
        assert run(secure.base, read_api_version, VCENTER_INSECURE="true")
        with pytest.raises(VcenterUnavailableError, match=r"its certificate .*; set VCENTER_CA_FILE"):
            run(secure.base, read_api_version)


def test_soap_takes_the_proxy_which_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_simulator(tls=True) as secure, forward_proxy(account="ann:secret") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:secret@127.0.0.1:{proxy.port}")
        host = secure.base.replace("127.0.0.1", "vcenter.test")
        proxy.hosts["vcenter.test"] = "127.0.0.1"
        assert run(host, read_api_version, VCENTER_INSECURE="true")
        assert proxy.requests
        assert b"VMware1!" not in proxy.sent
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(VcenterUnavailableError, match=r"no answer from vCenter at .*407.*the proxy 127\.0\.0\.1"):
            run(host, read_api_version, VCENTER_INSECURE="true")


STAMP = """
@on("VmPoweredOnEvent")
async def stamp(event: Event, vcenter: VCenter) -> None:
    await vcenter.attributes.set(event.subject, "last-powered-on", event.time.date().isoformat())
    await vcenter.tags.create("state/stamped")
    await vcenter.tags.attach(event.subject, "state/stamped")
"""


def test_a_handler_acts_in_the_vcenter_of_its_event(
    tmp_path: Path, simulator: Simulator, machine: ManagedObjectReference
) -> None:
    with serve_handlers(load_text(tmp_path, STAMP), simulator.base) as client:
        assert post(client, subject="VirtualMachine:vm-9999").status_code == 422
        assert post(client, source="https://other.test/sdk", subject=str(machine)).status_code == 422
        assert post(client, subject=None, data=None).status_code == 422
        assert post(client, subject=str(machine)).status_code == 204
        for session in simulator.vcenter.sessions:  # all expire
            simulator.vcenter.sessions.close(session)
        assert post(client, subject=str(machine), time="2026-02-01T08:00:00Z").status_code == 204

    async def work(own: VCenter) -> None:
        assert (await own.attributes.get(machine))["last-powered-on"] == "2026-02-01"
        assert await own.tags.list(machine) == ["state/stamped"]

    run(simulator.base, work)


def test_a_soap_call_that_takes_too_long_is_tried_again_later(tmp_path: Path) -> None:
    with (
        run_simulator(latency=2.0) as slow,
        serve_handlers(load_text(tmp_path, STAMP), slow.base, TIMEOUT="1") as client,
    ):
        began = time.monotonic()
        assert post(client, subject="VirtualMachine:vm-15").status_code == 503
        assert time.monotonic() - began < 1.9
