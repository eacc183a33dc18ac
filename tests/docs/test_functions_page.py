"""docs/functions.md: the function that it shows works, and answers as its table says."""

import asyncio
from typing import Any

import httpx
import pytest

from pytag.settings import Settings as PytagSettings
from tests.docs.pages import blocks, page, rows, section
from vcenter_source.settings.environment import list_variables
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings as AdapterSettings
from vcenter_source.sinks.responses import ACCESS_STATUSES, RETRYABLE_STATUSES

TEXT = page("functions.md")
HEADERS = {
    "ce-specversion": "1.0",
    "ce-type": "com.vmware.event.vm.poweredon",
    "ce-source": "https://vcenter.example.com/sdk",
    "ce-id": "4711",
    "ce-time": "2026-01-31T08:00:00Z",
    "content-type": "application/json",
}


async def answers(*bodies: bytes) -> list[httpx.Response]:
    (code,) = blocks(section(TEXT, "## A function of your own"), "python")
    namespace: dict[str, Any] = {}
    exec(compile(code, "powered_on.py", "exec"), namespace)
    transport = httpx.ASGITransport(app=namespace["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
        return [await client.post("/", headers=HEADERS, content=body) for body in bodies]


def test_the_function_answers_204_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = asyncio.run(answers(b'{"vm": {"name": "web-1"}}'))
    assert (answer.status_code, answer.content) == (204, b"")
    assert capsys.readouterr().out == "web-1 was powered on at 2026-01-31 08:00:00+00:00\n"


def test_the_function_refuses_what_will_never_work_and_says_why() -> None:
    refused = asyncio.run(answers(b'{"host": {}}', b"no JSON", b""))
    assert [answer.status_code for answer in refused] == [422, 422, 422]
    assert all(answer.text.startswith("not an event about a VM") for answer in refused)


def test_the_table_of_answers_is_what_the_source_makes_of_them() -> None:
    table = {row[0]: row[3] for row in rows(section(TEXT, "### What an answer means"))}
    assert table["401, 403, 415, 3xx"].startswith("held")
    assert {401, 403, 415, 302} <= ACCESS_STATUSES
    assert table["404, 409"] == table["408, 429"] == "retries until it succeeds"
    assert {404, 409, 408, 429} <= RETRYABLE_STATUSES
    assert table["400, 413, 422"] == "dead letter"
    assert not {400, 413, 422} & (ACCESS_STATUSES | RETRYABLE_STATUSES)


def test_the_settings_that_it_names_exist() -> None:
    names = list_variables(AdapterSettings) | list_variables(GatewaySettings) | list_variables(PytagSettings)
    assert {"OPENFAAS_MAX_TRIES", "POISON_MAX_TRIES", "VCENTER_ALIASES", "TAG_ACTION", "TIMEOUT", "K_SINK"} <= names
