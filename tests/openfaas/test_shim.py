"""``vcenter-source openfaas-shim`` and ``run --sink openfaas+http://…``: processes between a vCenter and a gateway."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.v1.event import CloudEvent

from demo.gateway_api import Invocation, Reply
from tests.support.adapter_admin import run_adapter
from tests.support.openfaas import TRACE, cloudevent, pool_created, vcenter_event
from tests.support.openfaas_gateway import FakeGateway, Function, fake_gateway
from tests.support.openfaas_shim import POOL_TYPE, Shim, adapter_settings, binary, shim_at
from tests.support.processes import process, wait_for_line
from tests.support.simulator_control import post_events
from tests.support.waiting import eventually
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.codec import OrjsonFormat
from vcenter_source.settings.environment import read_area, read_program
from vcenter_source.settings.openfaas import ShimSettings
from vcenter_source.settings.sink import DeadLetterSettings, SinkSettings


@pytest.mark.parametrize(("bind", "key"), [(to_binary, 10), (to_structured, 11)])
def test_an_event_is_taken_in_either_mode_on_any_path(shim: Shim, tag: Function, bind: Any, key: int) -> None:
    answer = shim.post(bind(pool_created(key), OrjsonFormat()), "/any/path?x=1")
    assert (answer.status_code, answer.content) == (204, b"")
    (sent,) = tag.invocations
    assert sent == Invocation(
        "tag.openfaas-fn", queued=False, headers=sent.headers, body=binary(pool_created(key)).body
    )


def batch(*events: CloudEvent) -> HTTPMessage:
    body = b"[" + b",".join(map(OrjsonFormat().write, events)) + b"]"
    return HTTPMessage({"content-type": "application/cloudevents-batch+json"}, body)


def test_a_batch_is_taken_when_each_of_its_events_is_and_none_is_sent_twice(shim: Shim, tag: Function) -> None:
    tag.answer = lambda count: Reply(503, b"") if count == 1 else Reply()
    three = batch(*(pool_created(key) for key in (60, 61, 62)))
    assert shim.post(three).status_code == 503
    assert shim.post(three).status_code == 204
    assert sorted(tag.ids()) == sorted(["60", "61", "62", tag.ids()[1]]), "only the one that failed came again"
    assert shim.post(batch()).status_code == 204


def test_a_batch_with_an_event_that_is_refused_is_refused(shim: Shim, tag: Function) -> None:
    tag.answer = lambda count: Reply(422, b"no such tag") if count == 0 else Reply()
    answer = shim.post(batch(pool_created(70), pool_created(71)))
    assert (answer.status_code, answer.json()["error"]) == (422, "function tag.openfaas-fn answers 422: no such tag")
    assert shim.post(HTTPMessage(batch().headers, b"{}")).status_code == 400


def test_an_event_that_nobody_wants_is_taken(shim: Shim, tag: Function) -> None:
    assert shim.post(binary(cloudevent(vcenter_event("VmPoweredOnEvent")))).status_code == 204
    assert tag.invocations == []


def test_what_cannot_be_taken_is_refused_with_the_reason(shim: Shim, tag: Function) -> None:
    assert shim.post(HTTPMessage({"content-type": "application/json"}, b"{}")).status_code == 400
    assert shim.post(HTTPMessage({"content-type": "application/cloudevents+avro"}, b"{}")).status_code == 415
    assert shim.post(HTTPMessage(binary(pool_created()).headers, b" " * 30_000)).status_code == 413
    assert shim.post(binary(pool_created()), **{"Content-Encoding": "gzip"}).status_code == 415
    assert shim.post_spoilt(binary(pool_created()), b"content-encoding").status_code == 415
    assert shim.post_spoilt(binary(pool_created()), b"ce-source").status_code == 400
    assert shim.get("/").status_code == 405
    assert tag.invocations == []


def test_a_refusal_and_a_failure_name_the_function(shim: Shim, tag: Function) -> None:
    answers = [Reply(422, b"no such tag"), Reply(503, b"", {"Retry-After": "9"})]
    tag.answer = lambda count: answers[count]
    refused, failed = (shim.post(binary(pool_created(key))) for key in (20, 21))
    assert refused.status_code == 422
    assert refused.json() == {"error": "function tag.openfaas-fn answers 422: no such tag"}
    assert (failed.status_code, failed.headers["Retry-After"]) == (503, "9")
    assert failed.json() == {"error": "function tag.openfaas-fn answers 503"}


def test_the_trace_goes_along_untouched_where_nothing_is_exported(shim: Shim, tag: Function) -> None:
    hop = TRACE.replace("b7ad6b7169203331", "00f067aa0ba902b7")
    shim.post(binary(pool_created(30, traceparent=TRACE)), traceparent=hop)
    shim.post(binary(pool_created(31, traceparent=TRACE)))
    assert [each.headers["traceparent"] for each in tag.invocations] == [hop, TRACE]


def test_metrics_count_by_function_and_outcome(shim: Shim, tag: Function) -> None:
    shim.post(binary(pool_created(40)))
    text = shim.get("/metrics").text
    assert 'vcenter_source_openfaas_invocations_total{function="tag.openfaas-fn",outcome="taken"}' in text
    assert "vcenter_source_openfaas_functions 1.0" in text
    assert shim.get("/healthz").text == "ok\n"


def test_a_gateway_that_is_away_shows_in_readiness_and_the_last_map_is_kept() -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", POOL_TYPE)
        gateway.stop()
        with shim_at(gateway, HEALTH_STALE_AFTER="0.2") as shim:
            answer = shim.post(binary(pool_created()))
            assert answer.status_code == 503
            assert "the functions are not known yet" in answer.json()["error"]
            assert shim.get("/readyz").status_code == 503
            gateway.start()
            eventually(lambda: shim.get("/readyz").status_code == 200)
            gateway.stop()
            unready = eventually(lambda: (answer := shim.get("/readyz")).status_code == 503 and answer.json())
            assert (unready["ready"], unready["functions"]) == (False, 1)
            assert gateway.url in unready["why"]
            assert shim.get("/healthz").status_code == 200


def test_a_stop_finishes_what_is_under_way() -> None:
    begun, release = threading.Event(), threading.Event()

    def hold(_: int) -> Reply:
        begun.set()
        release.wait(10)
        return Reply()

    with fake_gateway() as gateway, shim_at(gateway) as shim:
        gateway.deploy("slow", POOL_TYPE, topic_invocation="sync").answer = hold
        eventually(lambda: shim.get("/readyz").json()["functions"] == 1)
        answers: list[Any] = []
        sending = threading.Thread(target=lambda: answers.append(shim.post(binary(pool_created()))))
        sending.start()
        assert begun.wait(10)
        shim.process.send_signal(signal.SIGTERM)
        release.set()
        sending.join(10)
        _, log = shim.process.communicate(timeout=10)
    assert [answer.status_code for answer in answers] == [204]
    assert shim.process.returncode == 0
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("OPENFAAS_URL=gateway:8080", "not an http"),
        ("OPENFAAS_URL=http://admin:hush@gateway", "not an http or https address without a user name"),
        ("OPENFAAS_INVOCATION=later", "'later'"),
        ("OPENFAAS_CONCURRENCY=0", "'0'"),
        ("K_CA_CERTS=hush", "not PEM certificates"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = setting.partition("=")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: {words}") as caught:
        read_program(ShimSettings)
    assert "hush" not in str(caught.value)


def test_a_port_that_cannot_be_had_is_one_line() -> None:
    with process("vcenter_source", "openfaas-shim", PORT="1", HOST="192.0.2.1") as shim:
        _, said = shim.communicate(timeout=20)
    assert said.startswith("vcenter-source: PORT: cannot listen on 192.0.2.1:1")
    assert (said.count("\n"), shim.returncode) == (1, 2)


# --- the whole way ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with run_simulator() as one:
        post_events(one, 12)
        yield one


def pools(gateway: FakeGateway, count: int) -> list[dict[str, Any]]:
    return [gateway.take().data for _ in range(count)]


def test_from_vcenter_through_the_shim_to_a_function_with_one_trace(simulator: Simulator) -> None:
    with fake_gateway() as gateway, Receiver() as receiver:
        gateway.deploy("tag", "com.vmware.event.resourcepool.*")
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_METRICS_EXPORTER": "none"}
        traced |= {"OTEL_BSP_SCHEDULE_DELAY": "100"}
        with (
            shim_at(gateway, **traced) as shim,
            process("vcenter_source", "run", **adapter_settings(simulator, K_SINK=shim.url, **traced)),
        ):
            sent = gateway.take()
            _, trace_id, parent, _ = sent.headers["traceparent"].split("-")
            spans = eventually(lambda: found if len(found := receiver.trace(trace_id)) >= 4 else None)
    names = {span.span_id: span for span in spans}
    invocation = names[parent]
    way = [invocation, names[invocation.parent_id], names[names[invocation.parent_id].parent_id]]
    assert [span.name for span in way] == ["POST", f"CloudEvents Process {POOL_TYPE}", "POST"]
    assert names[way[-1].parent_id].name == f"CloudEvents Create {POOL_TYPE}"
    assert {span.attributes["cloudevents.event_id"] for span in spans} == {sent.headers["ce-id"]}
    assert invocation.attributes["faas.invoked_name"] == "tag.openfaas-fn"
    assert sent.headers["ce-traceparent"].split("-")[1] == trace_id


def test_from_vcenter_in_batches_to_a_function(simulator: Simulator) -> None:
    with fake_gateway() as gateway:
        function = gateway.deploy("tag", POOL_TYPE)
        with (
            shim_at(gateway) as shim,
            process("vcenter_source", "run", **adapter_settings(simulator, K_SINK=shim.url, BATCH="64")),
        ):
            keys = {each["key"] for each in pools(gateway, 3)}
    assert len(keys) == 3
    assert len(function.ids()) == len(set(function.ids()))


def test_in_one_process_a_refusal_is_a_dead_letter_with_the_functions_name(
    simulator: Simulator, tmp_path: Path
) -> None:
    with fake_gateway() as gateway:
        strict = gateway.deploy("strict", "ResourcePoolCreatedEvent", topic_invocation="sync")
        strict.answer = lambda _: Reply(400, b"no such tag")
        old = gateway.deploy("old", "resource.pool.created")
        where = {"K_SINK": f"openfaas+{gateway.url}", "DEAD_LETTER_PATH": str(tmp_path)}
        with process("vcenter_source", "run", **adapter_settings(simulator, **where)) as adapter:
            line = wait_for_line(adapter, "it is a dead letter now")
            eventually(lambda: len(old.invocations) >= 3)
            adapter.send_signal(signal.SIGTERM)
            adapter.communicate(timeout=20)
        assert "function strict.openfaas-fn answers 400: no such tag" in line
        with process("vcenter_source", "dead-letters", "list", "--json", **where) as listing:
            listed = [json.loads(line) for line in listing.communicate(timeout=20)[0].splitlines()]
        assert "function strict.openfaas-fn" in str(listed[0])
        strict.answer = lambda _: Reply()
        with process("vcenter_source", "dead-letters", "replay", **where) as replay:
            said, _ = replay.communicate(timeout=20)
    assert replay.returncode == 0
    assert said == f"{len(listed)} accepted and removed, 0 refused again and kept.\n"


def test_in_one_process_a_gateway_that_is_away_shows_in_readiness(simulator: Simulator) -> None:
    settings = {"TOPIC_MAP_INTERVAL": "0.1", "HEALTH_STALE_AFTER": "1"}
    with fake_gateway() as gateway, run_adapter(simulator, K_SINK=f"openfaas+{gateway.url}", **settings) as admin:
        eventually(admin.is_ready)
        gateway.stop()
        assert gateway.url in eventually(lambda: admin.unready("gateway"))
        gateway.start()
        eventually(admin.is_ready)
        assert "vcenter_source_openfaas_functions 0.0" in admin.get("/metrics").text


@pytest.mark.parametrize(
    ("sink", "words"),
    [
        ("openfaas+ftp://gateway", "K_SINK: not an http"),
        ("openfaas+http://admin:hush@gateway", "K_SINK: the gateway's credentials are read from files"),
    ],
)
def test_a_wrong_gateway_is_named(sink: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{words}") as caught:
        read_area(SinkSettings, K_SINK=sink)
    assert "hush" not in str(caught.value)


def test_dead_letters_go_to_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEAD_LETTER_SINK", "openfaas+http://gateway")
    with pytest.raises(ConfigurationError, match="DEAD_LETTER_SINK: only K_SINK can be an OpenFaaS gateway"):
        read_area(DeadLetterSettings)


def test_a_gateways_wrong_setting_is_one_line_of_run_too(simulator: Simulator) -> None:
    settings = adapter_settings(simulator, K_SINK="openfaas+http://gateway", OPENFAAS_CONCURRENCY="0")
    with process("vcenter_source", "run", **settings) as adapter:
        _, said = adapter.communicate(timeout=20)
    assert said.startswith("vcenter-source: OPENFAAS_CONCURRENCY: '0'")
    assert (said.count("\n"), adapter.returncode) == (1, 2)
