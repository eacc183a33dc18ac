"""The Lease's fence goes with each request, whichever sink it goes to."""

import asyncio

import pytest

from tests.support.openfaas import pool_created
from tests.support.openfaas_gateway import fake_gateway
from tests.support.recording_sink import recording_sink
from vcenter_source import wiring as parts
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import LeaseLostError
from vcenter_source.settings import source as settings
from vcenter_source.state.dead_letters import Reason

LOGIN = {"VCENTER_URL": "vc", "VCENTER_USERNAME": "reader", "VCENTER_PASSWORD": "secret"}
EVENT = pool_created()


def lost() -> None:
    raise LeaseLostError("another has it")


def given(monkeypatch: pytest.MonkeyPatch, **others: str) -> settings.Settings:
    for name, value in (LOGIN | others).items():
        monkeypatch.setenv(name, value)
    return settings.load()


def test_neither_the_sink_nor_the_dead_letter_gets_anything_behind_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(read: settings.Settings) -> None:
        async with (
            parts.open_sink(read.sink) as sink,
            parts.open_dead_letters(read.dead_letters, read.sink) as letters,
        ):
            with pytest.raises(LeaseLostError):
                await sink.send(Envelope(EVENT, fence=lost))
            with pytest.raises(LeaseLostError):
                await letters.store(Envelope(EVENT, fence=lost), Reason(sink.address, "refused"))

    with recording_sink() as sink, recording_sink() as another:
        asyncio.run(both(given(monkeypatch, K_SINK=sink.url, DEAD_LETTER_SINK=another.url)))
        assert not sink.requests
        assert not another.requests


def test_no_function_is_invoked_behind_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def one(read: settings.Settings) -> None:
        async with parts.open_sink(read.sink) as sink:
            with pytest.raises(LeaseLostError):
                await sink.send(Envelope(EVENT, fence=lost))

    with fake_gateway() as gateway:
        function = gateway.deploy("all", "*")
        asyncio.run(one(given(monkeypatch, K_SINK=f"openfaas+{gateway.url}")))
        assert not function.invocations
