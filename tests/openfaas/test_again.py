"""An event sent again through ``openfaas-shim``: who wishes it has functions invoked that have it; a replay has not."""

import asyncio
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from demo.gateway_api import Reply
from tests.support.http_sink import http_sink
from tests.support.openfaas import pool_created
from tests.support.openfaas_gateway import FakeGateway, Function, fake_gateway
from tests.support.openfaas_shim import POOL_TYPE, Shim, adapter_settings, binary, deploy, shim_at
from tests.support.processes import process, wait_for_line
from tests.support.waiting import eventually
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.envelope import Envelope
from vcenter_source.sinks.endpoint import SEND_AGAIN


def test_who_asks_for_an_event_anew_has_it_invoked_once_more_however_often_that_is_retried(
    shim: Shim, tag: Function
) -> None:
    event = binary(pool_created(90))
    asked = [{}, {}, {SEND_AGAIN: "first"}, {SEND_AGAIN: "first"}, {SEND_AGAIN: "second"}, {}]
    assert [shim.post(event, **headers).status_code for headers in asked] == [204] * 6
    assert tag.ids() == ["90"] * 3, "the event, and each time that somebody asked for it"
    assert len({each.headers["x-call-id"] for each in tag.invocations}) == 1
    assert not [name for each in tag.invocations for name in each.headers if name == SEND_AGAIN]


def test_what_is_asked_for_anew_and_fails_goes_on_with_who_has_not_taken_it(
    shim: Shim, gateway: FakeGateway, tag: Function
) -> None:
    event, asked = binary(pool_created(91)), {SEND_AGAIN: "one"}
    with deploy(shim, gateway, "other", topic_invocation="sync") as other:
        assert shim.post(event).status_code == 204
        other.answer = lambda count: Reply(503, b"") if count == 1 else Reply()
        assert [shim.post(event, **asked).status_code for _ in range(3)] == [503, 204, 204]
    assert (tag.ids(), other.ids()) == (["91"] * 2, ["91"] * 3)


@pytest.mark.parametrize(("batch", "key"), [(1, 93), (16, 94)])
def test_every_way_to_send_over_http_says_what_is_wished(shim: Shim, tag: Function, batch: int, key: int) -> None:
    async def send() -> None:
        async with http_sink(shim.url, timeout=10, batch=batch) as sink:
            await sink.send(Envelope(pool_created(key)))
            await sink.send(Envelope(pool_created(key), attempt=1))
            for _ in range(2):
                await sink.send(Envelope(pool_created(key), replay_id=uuid4().hex))

    asyncio.run(send())
    assert tag.ids() == [str(key)] * 3


@pytest.mark.parametrize("has_shim", [True, False], ids=["shim", "one process"])
def test_a_replay_invokes_who_refused_and_nobody_else(tmp_path: Path, has_shim: bool) -> None:
    """A dead letter is no wish: functions that have its event are not to act on it once more."""
    with run_simulator(backlog=200) as simulator, fake_gateway() as gateway, shim_at(gateway) as shim:
        strict, other = (gateway.deploy(name, POOL_TYPE, topic_invocation="sync") for name in ("strict", "other"))
        strict.answer = lambda _: Reply(400, b"no such tag")
        eventually(lambda: shim.get("/readyz").json()["functions"] == 2)
        sink = shim.url if has_shim else f"openfaas+{gateway.url}"
        where = {"K_SINK": sink, "DEAD_LETTER_PATH": str(tmp_path)}
        with process("vcenter_source", "run", **adapter_settings(simulator, **where)) as adapter:
            wait_for_line(adapter, "it is a dead letter now")
            adapter.send_signal(signal.SIGTERM)
            adapter.communicate(timeout=20)
        refused, taken = strict.ids(), other.ids()
        strict.answer = lambda _: Reply()
        with process("vcenter_source", "dead-letters", "replay", **where) as replay:
            said, _ = replay.communicate(timeout=20)
    assert (replay.returncode, said) == (0, f"{len(refused)} accepted and removed, 0 refused again and kept.\n")
    assert sorted(strict.ids()) == sorted(refused * 2)
    assert sorted(other.ids()) == sorted(taken) == sorted(refused)
