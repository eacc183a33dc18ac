"""A function is its settings and its handler: everything else that pytag does, another function does as well."""

from collections.abc import Iterator

import httpx
import pytest
from cloudevents.core.base import BaseCloudEvent
from structlog.testing import capture_logs

from tests.support import loopback
from tests.support.pytag import RestVcenter, binary, serve_app
from vcenter_functions.errors import PermanentError, SettingsError, TemporaryError
from vcenter_functions.function import Function, Handler, build_app
from vcenter_functions.http_limits import uvicorn_options
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.api import VCenter
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD

subjects: list[str | None] = []


def build_handler(settings: FunctionSettings, vcenter: VCenter, tracing: Tracing) -> Handler:
    async def note(event: BaseCloudEvent) -> None:
        if event.get_subject() == "later":
            raise TemporaryError("not yet", delay=7)
        if event.get_subject() == "never":
            raise PermanentError("not such an event")
        await vcenter.check()
        subjects.append(event.get_subject())

    return note


NOTE = Function("note", FunctionSettings, build_handler, refusal="not noted", retry="not noted, will be retried")


@pytest.fixture(scope="module")
def note(module_vcenter: RestVcenter) -> Iterator[httpx.Client]:
    account = {"VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD, "VCENTER_ALIASES": "vcenter.test"}
    settings = FunctionSettings.load(VCENTER_URL=module_vcenter.base, TIMEOUT="5", **account)
    with (
        serve_app(build_app(NOTE, settings, Tracing("note")), **uvicorn_options()) as url,
        loopback.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield client


def test_its_handler_gets_the_events_of_its_vcenter(note: httpx.Client) -> None:
    subjects.clear()
    assert note.post("/", headers=binary("VirtualMachine:vm-7")).status_code == 204
    assert note.post("/", headers=binary("VirtualMachine:vm-7", ce_source="https://other.test/sdk")).status_code == 422
    assert subjects == ["VirtualMachine:vm-7"]


def test_its_failures_become_answers_and_lines_in_the_log(note: httpx.Client) -> None:
    with capture_logs() as lines:
        later, never = note.post("/", headers=binary("later")), note.post("/", headers=binary("never"))
    assert (later.status_code, later.headers["retry-after"], later.json()) == (503, "7", {"error": "not yet"})
    assert (never.status_code, never.json()) == (422, {"error": "not such an event"})
    assert [line["event"] for line in lines] == ["not noted, will be retried", "not noted"]


def test_it_has_probes_and_limits(note: httpx.Client) -> None:
    assert note.get("/readyz").text == "ready\n"
    assert note.get("/healthz").text == note.get("/_/health").text == "ok\n"
    assert note.post("/healthz", headers=binary()).status_code == 405
    assert note.post("/", headers=binary(), content=b" " * (1024 * 1024 + 1)).status_code == 413


def test_its_settings_are_checked() -> None:
    with pytest.raises(
        SettingsError, match=r"^PORT: 'x': set a whole number; VCENTER_URL: not an address; set a host name"
    ):
        FunctionSettings.load(VCENTER_URL="", PORT="x")
