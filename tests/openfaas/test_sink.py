"""The sink that invokes functions, at a gateway over real HTTP: who is invoked, how often, when an event is taken."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from demo.gateway_api import Reply
from tests.support.openfaas import TRACE, at, cloudevent, deliver, pool_created, send, sink_at, until, vcenter_event
from tests.support.openfaas_gateway import NOT_CALLED, SCALE_UP_TIMED_OUT, FakeGateway, fake_gateway
from vcenter_source.core.errors import ConfigurationError, EventRefusedError, SinkUnavailableError
from vcenter_source.sinks.openfaas.sink import OpenfaasSink

TOPICS = {
    "connector": "resource.pool.created",
    "router": "ResourcePoolCreatedEvent",
    "cloudevent": "com.vmware.event.resourcepool.created",
}


def failing(times: int, status: int = 503) -> Any:
    return lambda count: Reply(status, b"busy") if count < times else Reply()


# --- invocations ------------------------------------------------------------------------------------------------------


def test_each_spelling_of_a_topic_is_invoked_with_its_body() -> None:
    with fake_gateway() as gateway:
        functions = {name: gateway.deploy(name, topic) for name, topic in TOPICS.items()}
        other = gateway.deploy("other", "vm.powered.on")
        at(gateway, lambda sink: send(sink, pool_created(traceparent=TRACE)))
    sent = {name: function.invocations[0] for name, function in functions.items()}
    assert other.invocations == []
    assert {name: each.headers["x-topic"] for name, each in sent.items()} == TOPICS
    assert {each.headers["x-connector"] for each in sent.values()} == {"vcenter-source"}
    assert {each.headers["traceparent"] for each in sent.values()} == {TRACE}
    assert len({each.headers["x-call-id"] for each in sent.values()}) == 3
    assert all(each.queued for each in sent.values())
    assert {name: each.path for name, each in sent.items()} == {name: f"{name}.openfaas-fn" for name in TOPICS}
    assert sent["connector"].data["managedObjectReference"] == {"Type": "ResourcePool", "Value": "rg-9"}
    assert sent["router"].data["data"]["ResourcePool"]["Name"] == "pröd"
    assert sent["cloudevent"].headers["ce-id"] == "4711"
    assert "authorization" not in sent["router"].headers


def test_sync_and_async_by_setting_and_by_annotation() -> None:
    with fake_gateway() as gateway:
        plain = gateway.deploy("plain", "*")
        queued = gateway.deploy("queued", "*", topic_invocation="async")
        direct = gateway.deploy("direct", "*", topic_invocation="sync")
        for invocation in ("async", "sync"):
            at(gateway, lambda sink: send(sink, pool_created()), OPENFAAS_INVOCATION=invocation)
    assert [each.queued for each in plain.invocations] == [True, False]
    assert [each.queued for each in queued.invocations] == [True, True]
    assert [each.queued for each in direct.invocations] == [False, False]


def test_a_gateway_without_namespaces() -> None:
    with fake_gateway(namespaces={"": {}}) as gateway:
        gateway.deploy("tag", "*", namespace="")
        at(gateway, lambda sink: send(sink, pool_created()))
        assert gateway.take().path == "tag"


def test_no_event_breaks_out_of_its_headers() -> None:
    event = cloudevent(vcenter_event("EventEx", eventTypeId="a\r\nX-Evil: \u2028"))
    event.get_attributes().update(traceparent="b\nX-Evil: 1", datacontenttype="application/json\r\nX-Evil: 2")
    with fake_gateway() as gateway:
        gateway.deploy("old", "*", topic_body="connector")
        gateway.deploy("router", "a*")
        gateway.deploy("new", "*")
        at(gateway, lambda sink: send(sink, event))
        sent = [gateway.take().headers for _ in range(3)]
    assert not any("x-evil" in headers for headers in sent)
    assert {headers["traceparent"] for headers in sent} == {"b_X-Evil: 1"}
    assert "a__X-Evil: _" in {headers["x-topic"] for headers in sent}


def test_an_event_that_no_function_wants_is_taken() -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", "vm.powered.on")
        assert at(gateway, lambda sink: deliver(sink, pool_created())) == []


# --- what is taken, and what is not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("invocation", ["sync", "async"])
def test_of_three_functions_one_fails_twice_and_each_takes_the_event_once(invocation: str) -> None:
    with fake_gateway() as gateway:
        functions = [gateway.deploy(name, TOPICS["cloudevent"]) for name in ("first", "second", "third")]
        functions[1].answer = failing(2)
        functions[1].queue_answer = lambda count: Reply(503 if count < 2 else 202, b"")
        failed = at(gateway, lambda sink: deliver(sink, pool_created()), OPENFAAS_INVOCATION=invocation)
    assert [len(function.invocations) for function in functions] == [1, 3, 1]
    assert [type(each) for each in failed] == [SinkUnavailableError] * 2
    assert all("function second.openfaas-fn answers 503" in str(each) for each in failed)
    assert len({each.headers["x-call-id"] for each in functions[1].invocations}) == 1


def test_an_event_that_comes_again_after_it_was_taken_invokes_nobody() -> None:
    async def twice(sink: OpenfaasSink) -> None:
        await asyncio.gather(send(sink, pool_created()), send(sink, pool_created()))
        await send(sink, pool_created())

    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*")
        at(gateway, twice)
    assert len(tag.invocations) == 1


def test_a_functions_own_refusal_is_for_good_and_named_and_the_others_get_the_event_first() -> None:
    with fake_gateway() as gateway:
        strict = gateway.deploy("strict", "*", topic_invocation="sync")
        strict.answer = lambda _: Reply(422, b"no such tag")
        slow = gateway.deploy("slow", "*", topic_invocation="sync")
        slow.answer = failing(2)
        failed = at(gateway, lambda sink: deliver(sink, pool_created()))
    assert [len(strict.invocations), len(slow.invocations)] == [1, 3]
    assert [type(each) for each in failed] == [SinkUnavailableError] * 2 + [EventRefusedError]
    assert str(failed[-1]) == "function strict.openfaas-fn answers 422: no such tag"
    assert (failed[-1].status, failed[-1].body) == (422, b"no such tag")


def test_a_replay_of_a_dead_letter_asks_only_the_functions_that_refused() -> None:
    async def replayed(sink: OpenfaasSink) -> list[Exception]:
        return await deliver(sink, pool_created()) + await deliver(sink, pool_created())

    with fake_gateway() as gateway:
        mended = gateway.deploy("mended", "*", topic_invocation="sync")
        mended.answer = failing(1, 400)
        other = gateway.deploy("other", "*", topic_invocation="sync")
        failed = at(gateway, replayed)
    assert [len(mended.invocations), len(other.invocations)] == [2, 1]
    assert [type(each) for each in failed] == [EventRefusedError]


@pytest.mark.parametrize("answer", [Reply(500, b"boom"), NOT_CALLED, Reply(200, b'{"status": "500"}\n')])
def test_a_function_that_fails_by_itself_is_tried_a_few_times(answer: Reply) -> None:
    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*", topic_invocation="sync")
        tag.answer = lambda _: answer
        failed = at(gateway, lambda sink: deliver(sink, pool_created()), OPENFAAS_MAX_TRIES=3)
    assert [type(each) for each in failed] == [SinkUnavailableError] * 2 + [EventRefusedError]
    assert "function tag.openfaas-fn" in str(failed[-1])
    assert len(tag.invocations) == 3


def test_a_scale_up_that_takes_its_time_is_waited_for() -> None:
    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*", topic_invocation="sync")
        tag.answer = lambda count: SCALE_UP_TIMED_OUT if count < 2 else Reply(200, b"")
        failed = at(gateway, lambda sink: deliver(sink, pool_created()))
    assert ["function tag.openfaas-fn: " in str(each) for each in failed] == [True, True]
    assert [each.status for each in failed] == [None, None], "no answer at all"


def test_retry_after_travels_with_the_failure() -> None:
    with fake_gateway() as gateway:
        gateway.deploy("a", "*").queue_answer = lambda _: Reply(429, b"", {"Retry-After": "3"})
        gateway.deploy("b", "*").queue_answer = lambda _: Reply(503, b"", {"Retry-After": "7"})
        with pytest.raises(SinkUnavailableError) as caught:
            at(gateway, lambda sink: send(sink, pool_created()))
    assert caught.value.retry_after == 7.0


def test_a_gateway_without_a_queue_holds_the_event() -> None:
    with fake_gateway(has_queue=False) as gateway:
        gateway.deploy("tag", "*")
        with pytest.raises(SinkUnavailableError, match=r"tag\.openfaas-fn answers 404: .*OPENFAAS_INVOCATION"):
            at(gateway, lambda sink: send(sink, pool_created()))


def test_an_event_too_large_is_refused_with_the_functions_name() -> None:
    event = cloudevent(vcenter_event("VmPoweredOnEvent", fullFormattedMessage="x" * 2000))
    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*")

        async def small(sink: OpenfaasSink) -> None:
            sink._max_event_bytes = 1000
            await send(sink, event)

        with pytest.raises(EventRefusedError, match=r"tag\.openfaas-fn: 2\d\d\d bytes, more than MAX_EVENT_BYTES"):
            at(gateway, small)
    assert tag.invocations == []


# --- one function and the others --------------------------------------------------------------------------------------


def test_a_slow_function_holds_up_no_other_and_has_no_more_than_its_share_under_way() -> None:
    release, under_way = threading.Event(), threading.Semaphore(0)

    def wait(_: int) -> Reply:
        under_way.release()
        release.wait(10)
        return Reply()

    async def both(sink: OpenfaasSink) -> None:
        held = [asyncio.create_task(send(sink, pool_created(key))) for key in range(10)]
        powered = [cloudevent(vcenter_event("VmPoweredOnEvent", key=key)) for key in range(100, 150)]
        await asyncio.gather(*(send(sink, event) for event in powered))
        assert len(slow.invocations) == 2
        assert not any(task.done() for task in held)
        release.set()
        await asyncio.gather(*held)

    with fake_gateway() as gateway:
        slow = gateway.deploy("slow", TOPICS["cloudevent"])
        slow.answer = wait
        fast = gateway.deploy("fast", "com.vmware.event.vm.*")
        at(gateway, both, OPENFAAS_INVOCATION="sync", OPENFAAS_CONCURRENCY=2)
    assert len(fast.invocations) == 50
    assert sorted(slow.ids()) == sorted(map(str, range(10)))


def test_a_function_that_does_not_answer_is_retried() -> None:
    release = threading.Event()
    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*", topic_invocation="sync")
        tag.answer = lambda count: Reply() if count else (release.wait(10), Reply())[1]
        failed = at(gateway, lambda sink: deliver(sink, pool_created()), OPENFAAS_TIMEOUT=0.2)
        release.set()
    assert [type(each) for each in failed] == [SinkUnavailableError]
    assert "function tag.openfaas-fn" in str(failed[0])


# --- the topic map ----------------------------------------------------------------------------------------------------


def test_before_the_functions_are_known_no_event_is_taken_as_unwanted() -> None:
    async def run(gateway: FakeGateway) -> None:
        async with sink_at(gateway) as sink:
            with pytest.raises(SinkUnavailableError, match="functions are not known yet"):
                await send(sink, pool_created())
            gateway.start()
            await until(lambda: sink.poller.last is not None)
            await send(sink, pool_created())

    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*")
        gateway.stop()
        asyncio.run(run(gateway))
        assert len(tag.invocations) == 1


def test_a_gateway_that_restarts_keeps_its_last_map_and_gets_every_event() -> None:
    async def run(sink: OpenfaasSink) -> None:
        await send(sink, pool_created(1))
        gateway.stop()
        await until(lambda: sink.poller.connection.failing_for > 0)
        with pytest.raises(SinkUnavailableError, match="function tag"):
            await send(sink, pool_created(2))
        gateway.start()
        await until(lambda: sink.poller.connection.failing_for == 0)
        assert await deliver(sink, pool_created(2)) == []

    with fake_gateway() as gateway:
        tag = gateway.deploy("tag", "*")
        at(gateway, run)
    assert tag.ids() == ["1", "2"]


@pytest.mark.parametrize("invocation", ["sync", "async"])
def test_a_function_removed_between_two_events_is_no_failure(invocation: str) -> None:
    async def run(sink: OpenfaasSink) -> None:
        await send(sink, pool_created(1))
        gateway.remove("going")
        await send(sink, pool_created(2))
        assert list((await sink.poller.current()).functions) == (
            ["staying.openfaas-fn"] if invocation == "sync" else ["going.openfaas-fn", "staying.openfaas-fn"]
        )

    with fake_gateway() as gateway:
        going, staying = gateway.deploy("going", "*"), gateway.deploy("staying", "*")
        at(gateway, run, TOPIC_MAP_INTERVAL=3600, OPENFAAS_INVOCATION=invocation)
    assert [going.ids(), staying.ids()] == [["1"], ["1", "2"]]


def test_a_functions_own_404_is_a_refusal_while_there_is_the_function() -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", "*", topic_invocation="sync").answer = lambda _: Reply(404, b"no such VM")
        (failed,) = at(gateway, lambda sink: deliver(sink, pool_created()), TOPIC_MAP_INTERVAL=3600)
    assert isinstance(failed, EventRefusedError)


def test_a_new_function_is_found() -> None:
    async def run(sink: OpenfaasSink) -> None:
        await send(sink, pool_created(1))
        gateway.deploy("late", "*", namespace="other")
        await until(lambda: sink.poller.last is not None and "late.other" in sink.poller.last.functions)
        await send(sink, pool_created(2))

    with fake_gateway() as gateway:
        at(gateway, run)
        assert gateway.take().headers["ce-id"] == "2"


def test_a_thousand_functions_in_ten_namespaces() -> None:
    with fake_gateway() as gateway:
        for number in range(1000):
            gateway.deploy(f"f{number}", f"topic.{number}, Vm{number}*Event", namespace=f"ns{number % 10}")
        for number in range(50):
            gateway.deploy(f"tag{number}", "resource.pool.*", namespace="ns7")
        at(gateway, lambda sink: send(sink, pool_created()), TOPIC_MAP_INTERVAL=3600)
        assert sorted(gateway.take().path for _ in range(50)) == sorted(f"tag{n}.ns7" for n in range(50))
        assert gateway.invoked.empty()


def test_annotations_full_of_nonsense_hurt_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_gateway() as gateway:
        for number, topic in enumerate([",", "(((", "*" * 1000 + "x", "\x00", "..,..,..", "vm.powered.on" * 1000]):
            gateway.deploy(f"mad{number}", topic, topic_body="xml", topic_subject="[")
        gateway.deploy("none", "").annotations = None
        gateway.deploy("list", "").annotations = {"topic": ["*"]}
        gateway.deploy("sane", " resource.pool.created ,")
        at(gateway, lambda sink: send(sink, pool_created()))
        assert gateway.take().path == "sane.openfaas-fn"
        assert gateway.invoked.empty()
    assert "list.openfaas-fn: the annotation topic is empty" in capsys.readouterr().out


# --- credentials ------------------------------------------------------------------------------------------------------


def secret(folder: Path, username: str, password: str) -> None:
    (folder / "basic-auth-user").write_text(f"{username}\n")
    (folder / "basic-auth-password").write_text(password)


def test_rotated_credentials_are_read_again(tmp_path: Path) -> None:
    async def run(sink: OpenfaasSink) -> None:
        await send(sink, pool_created(1))
        gateway.auth = ("admin", "new")
        await until(lambda: sink.poller.connection.failing_for > 0)
        assert "answers 401" in sink.poller.connection.reason
        await send(sink, pool_created(2))  # by the last map; invocations need no credentials
        secret(tmp_path, "admin", "new")
        await until(lambda: sink.poller.connection.failing_for == 0)

    secret(tmp_path, "admin", "pässword")
    with fake_gateway(auth=("admin", "pässword")) as gateway:
        tag = gateway.deploy("tag", "*")
        at(gateway, run, basic_auth="1", secret_mount_path=tmp_path)
    assert tag.ids() == ["1", "2"]


def test_credentials_that_cannot_be_read_are_a_wrong_setting(tmp_path: Path) -> None:
    with fake_gateway() as gateway, pytest.raises(ConfigurationError, match=r"secret_mount_path: .*basic-auth-user"):
        at(gateway, lambda sink: send(sink, pool_created()), basic_auth="true", secret_mount_path=tmp_path)


@pytest.mark.parametrize("listed", [{"a": 1}, "x", 7])
def test_a_list_that_is_none_is_no_map(listed: Any) -> None:
    pages = {"/system/namespaces": lambda: listed}
    with fake_gateway(pages=pages) as gateway, pytest.raises(SinkUnavailableError, match="does not answer with a list"):
        at(gateway, lambda sink: send(sink, pool_created()))
