"""The local Broker in a process of its own, over real HTTP, with subscribers that answer what they are told."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.broker import main
from tests.support import loopback
from tests.support.demo_broker import EVENT, MANIFESTS, TRACEPARENT, Subscriber, broker, subscriber
from tests.support.waiting import eventually


def structured(**attributes: str) -> bytes:
    return json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **attributes}).encode()


@dataclass
class Stage:
    url: str
    function: Subscriber
    other: Subscriber

    def demo(self, what: str) -> Any:
        return loopback.get(httpx.URL(self.url).join(f"/demo/{what}")).json()

    def delivery(self, event_id: str, source: str = EVENT["ce-source"]) -> dict[str, Any]:
        return dict(self.demo("deliveries")[f"{source} {event_id}"])

    def outcome(self, event_id: str = "17", source: str = EVENT["ce-source"]) -> dict[str, Any]:
        """The first delivery of an event, once it is settled."""
        found = lambda: [t for t in self.delivery(event_id, source)["triggers"] if t["status"] != "pending"]  # noqa: E731  read once
        return dict(eventually(found)[0])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("manifests")
    (folder / "300-broker.yaml").write_text(MANIFESTS)
    with subscriber() as function, subscriber() as other:
        arguments = ("--subscriber", f"fn={function.url}", "--subscriber", f"other={other.url}")
        with broker(folder, *arguments) as url:
            yield Stage(url, function, other)


@pytest.fixture
def stage(shared: Stage) -> Stage:
    for played in (shared.function, shared.other):
        played.answers.clear()
        played.received.clear()
    return shared


def test_a_binary_event_reaches_the_subscriber_as_it_came(stage: Stage) -> None:
    headers = {**EVENT, "traceparent": TRACEPARENT, "tracestate": "a=b", "ce-severitytext": "INFO"}
    answer = loopback.post(stage.url, headers=headers, content=b'{"a": 1}')
    assert (answer.status_code, answer.content) == (202, b"")
    assert stage.outcome()["status"] == "delivered"
    received, body = stage.function.received[0]
    assert body == b'{"a": 1}'
    assert {name: received[name] for name in headers} == headers
    assert not stage.other.received


def test_of_the_headers_beside_an_event_those_go_on_that_knative_hands_on(stage: Stage) -> None:
    handed_on = {"x-request-id": "r", "knative-a": "1", "k-eventing-b": "2"}
    loopback.post(stage.url, headers={**EVENT, "ce-id": "32", **handed_on, "x-other": "3", "knativec": "4"})
    stage.outcome("32")
    ((received, _),) = stage.function.received
    assert {name: received.get(name) for name in (*handed_on, "x-other", "knativec")} == {
        **handed_on, "x-other": None, "knativec": None
    }  # fmt: skip


def test_flags_that_go_does_not_know_begin_another_trace(stage: Stage) -> None:
    for event_id, flags in [("30", "02"), ("31", "03")]:
        loopback.post(stage.url, headers={**EVENT, "ce-id": event_id, "traceparent": f"{TRACEPARENT[:-2]}{flags}"})
        stage.outcome(event_id)
    sent = [headers.get("traceparent") for headers, _ in stage.function.received]
    assert sent == [f"{TRACEPARENT[:-2]}00", None]


def test_a_structured_event_is_delivered_too(stage: Stage) -> None:
    event = {"specversion": "1.0", "id": "18", "source": "/s", "type": "com.example.made", "n": 3, "data": {"ä": [1]}}
    answer = loopback.post(
        stage.url, json=event, headers={"content-type": "application/cloudevents+json; charset=utf-8"}
    )
    assert answer.status_code == 202
    stage.outcome("18", "/s")
    received, body = stage.function.received[0]
    assert json.loads(body) == {"ä": [1]}
    assert (received["ce-id"], received["ce-n"], received["content-type"]) == ("18", "3", "application/json")


def test_attributes_outside_ascii_are_percent_encoded_on_the_way_out(stage: Stage) -> None:
    loopback.post(stage.url, headers={**EVENT, "ce-id": "19", "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80"})
    stage.outcome("19")
    assert stage.function.received[0][0]["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80"
    assert stage.demo("events")[-1]["attributes"]["subject"] == "Euro € 😀"


def test_events_of_two_sources_with_one_id_are_two_events(stage: Stage) -> None:
    for source in ("https://east/sdk", "https://west/sdk"):
        loopback.post(stage.url, headers={**EVENT, "ce-source": source})
    assert [stage.outcome("17", f"https://{name}/sdk")["code"] for name in ("east", "west")] == [204, 204]


def test_an_event_that_no_trigger_wants_is_taken_and_goes_nowhere(stage: Stage) -> None:
    answer = loopback.post(stage.url, headers={**EVENT, "ce-id": "20", "ce-type": "com.example.unmade"})
    assert answer.status_code == 202
    assert stage.delivery("20") == {"type": "com.example.unmade", "triggers": []}
    assert not stage.function.received
    assert not stage.other.received


def test_data_that_is_no_proper_unicode_is_delivered_and_told(stage: Stage) -> None:
    loopback.post(stage.url, headers={**EVENT, "ce-id": "26"}, content=b'"\\ud800"')
    stage.outcome("26")
    assert stage.function.received[0][1] == b'"\\ud800"'
    assert stage.demo("events")[-1]["data"] == "\ud800"


def test_the_ledger_tells_which_trigger_matched_and_where_it_is_written(stage: Stage) -> None:
    loopback.post(stage.url, headers={**EVENT, "ce-id": "21"})
    assert stage.outcome("21") == {
        "trigger": "made",
        "where": "300-broker.yaml:8",
        "filter": "type = com.example.made",
        "subscriber": "fn",
        "status": "delivered",
        "attempts": 1,
        "code": 204,
        "reason": "",
        "dead_letter": "",
    }


@pytest.mark.parametrize("status", [500, 503, 404, 408, 409, 429])
def test_what_may_pass_by_itself_is_retried(stage: Stage, status: int) -> None:
    stage.function.answers += [(status, {}, b"later"), (status, {}, b"later")]
    loopback.post(stage.url, headers={**EVENT, "ce-id": f"r{status}"})
    outcome = stage.outcome(f"r{status}")
    assert (outcome["status"], outcome["attempts"], outcome["code"]) == ("delivered", 3, 204)


def test_retries_end(stage: Stage) -> None:
    stage.function.answers += [(503, {}, b"vCenter is away")] * 3
    loopback.post(stage.url, headers={**EVENT, "ce-id": "22"})
    outcome = stage.outcome("22")
    assert (outcome["status"], outcome["attempts"], outcome["code"]) == ("failed", 3, 503)
    assert outcome["reason"] == "vCenter is away"
    assert len(stage.function.received) == 3


@pytest.mark.parametrize("status", [400, 401, 413, 422, 302])
def test_what_will_never_work_is_not_retried(stage: Stage, status: int) -> None:
    stage.function.answers.append((status, {}, b"no object in the event"))
    loopback.post(stage.url, headers={**EVENT, "ce-id": f"p{status}"})
    outcome = stage.outcome(f"p{status}")
    assert (outcome["status"], outcome["attempts"], outcome["code"]) == ("failed", 1, status)


def test_an_answer_that_is_no_cloudevent_counts_as_502(stage: Stage) -> None:
    stage.function.answers += [(200, {"content-type": "text/plain"}, b"ok")] * 3
    loopback.post(stage.url, headers={**EVENT, "ce-id": "23"})
    outcome = stage.outcome("23")
    assert (outcome["status"], outcome["attempts"], outcome["code"]) == ("failed", 3, 502)
    assert "no CloudEvent" in outcome["reason"]


def test_an_event_in_the_answer_goes_back_into_the_broker(stage: Stage) -> None:
    reply = {**EVENT, "ce-id": "reply-1", "ce-type": "com.example.reply"}
    stage.function.answers.append((200, reply, b"{}"))
    loopback.post(stage.url, headers={**EVENT, "ce-id": "24", "traceparent": TRACEPARENT})
    assert stage.outcome("24")["code"] == 200
    eventually(lambda: stage.other.received)
    received, _ = stage.other.received[0]
    assert (received["ce-id"], received["traceparent"]) == ("reply-1", TRACEPARENT)


@pytest.mark.parametrize(
    ("change", "body", "reason"),
    [
        ({"ce-id": ""}, b"", "id is missing"),
        ({"ce-type": ""}, b"", "type is missing"),
        ({"ce-specversion": "0.3"}, b"", "specversion is 1.0"),
        ({"ce-bad_name": "x"}, b"", "not an attribute name"),
        ({"content-type": "application/cloudevents+json"}, b"{not json", "not JSON"),
        ({"content-type": "application/cloudevents+json"}, b"[]", "not a JSON object"),
        ({"content-type": "application/cloudevents+json"}, b'{"specversion": "1.0", "id": {}}', "neither a string"),
        ({"content-type": "application/cloudevents+json"}, b'{"data_base64": "*"}', "not base64"),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", "not a batch"),
        ({"content-type": "application/cloudevents+json"}, structured(subject="\ud800"), "cannot be sent as a header"),
        ({"content-type": "application/cloudevents+json"}, structured(datacontenttype="ä"), "cannot be sent"),
        ({"content-type": "application/cloudevents+json"}, structured(datacontenttype="a\n"), "not a media type"),
        ({"content-type": "application/cloudevents+json"}, b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_event_is_answered_400_with_the_reason(
    stage: Stage, change: dict[str, str], body: bytes, reason: str
) -> None:
    answer = loopback.post(stage.url, headers={**EVENT, **change}, content=body)
    assert answer.status_code == 400
    assert reason in answer.text


def test_other_methods_brokers_and_sizes_are_refused(stage: Stage) -> None:
    assert loopback.get(stage.url).status_code == 405
    assert loopback.post(httpx.URL(stage.url).join("/ns/another"), headers=EVENT).status_code == 404
    assert loopback.post(httpx.URL(stage.url).join("/"), headers=EVENT).status_code == 404
    assert loopback.post(stage.url, headers=EVENT, content=b" " * (1024 * 1024 + 1)).status_code == 413


def test_an_unreachable_subscriber_is_retried_and_named(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(MANIFESTS)
    with broker(tmp_path, "--subscriber", "fn=http://127.0.0.1:9/") as url:
        stage = Stage(url, Subscriber(), Subscriber())
        loopback.post(url, headers=EVENT)
        outcome = stage.outcome()
        assert (outcome["status"], outcome["attempts"], outcome["code"]) == ("failed", 3, None)
        assert "ConnectError" in outcome["reason"]
        loopback.post(url, headers={**EVENT, "ce-id": "x", "ce-type": "a.reply"})
        assert "no address known for the Service other" in stage.outcome("x")["reason"]


@pytest.mark.parametrize("named", ["{ref: {apiVersion: v1, kind: Service, name: letters}}", "{uri: '%s'}"])
@pytest.mark.parametrize(("status", "attempts"), [(422, 1), (503, 3)])
def test_what_nobody_took_goes_to_the_dead_letter_sink_with_the_reason(
    tmp_path: Path, named: str, status: int, attempts: int
) -> None:
    with subscriber() as function, subscriber() as letters:
        function.answers += [(status, {}, b"no object")] * attempts
        sink = named.replace("%s", letters.url)
        (tmp_path / "b.yaml").write_text(MANIFESTS.replace("retry: 2", f"deadLetterSink: {sink}, retry: 2"))
        with broker(tmp_path, "--subscriber", f"fn={function.url}", "--subscriber", f"letters={letters.url}") as url:
            loopback.post(url, headers=EVENT, content=b'{"a": 1}')
            outcome = Stage(url, function, letters).outcome()
    assert (outcome["status"], outcome["attempts"], outcome["code"]) == ("failed", attempts, status)
    assert outcome["dead_letter"].startswith("taken by ")
    ((headers, body),) = letters.received
    assert body == b'{"a": 1}'
    assert (headers["ce-id"], headers["ce-type"]) == ("17", "com.example.made")
    assert (headers["ce-knativeerrordest"], headers["ce-knativeerrorcode"]) == (function.url, str(status))
    assert base64.b64decode(headers["ce-knativeerrordata"]) == b"no object"


def test_a_dead_letter_sink_that_does_not_take_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(MANIFESTS.replace("retry: 2", "deadLetterSink: {ref: {name: letters}}, retry: 0"))
    with broker(tmp_path, "--subscriber", "fn=http://127.0.0.1:9/") as url:
        loopback.post(url, headers=EVENT)
        outcome = Stage(url, Subscriber(), Subscriber()).outcome()
    assert outcome["dead_letter"] == "not taken by letters: no address known for the Service letters"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("{suffix: {type: .reply}}", "{cesql: 'true'}"),
            "b.yaml:15: Trigger replied: the local Broker does not evaluate cesql",
        ),
        (("PT0.01S", "10ms"), "b.yaml:1: delivery: '10ms' is not an ISO 8601 duration"),
        (("backoffPolicy: linear", "timeout: PT1S"), "b.yaml:1: the local Broker does not support delivery.timeout"),
        (
            ("backoffPolicy: linear", "deadLetterSink: {ref: {}}"),
            "delivery: deadLetterSink has neither ref.name nor uri",
        ),
        (("kind: Broker", "kind: Broken"), "declares 0 Brokers"),
        (("name: fn", "nome: fn"), "Trigger made has no subscriber.ref.name"),
        (("retry: 2", "retry: ["), "b.yaml: "),
    ],
)
def test_manifests_that_cannot_be_played_are_named_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    (tmp_path / "b.yaml").write_text(MANIFESTS.lstrip().replace(*change))
    assert main(["--manifests", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_the_command_ends_with_what_cannot_be_played(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo.broker", "--manifests", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"broker: no YAML files in {tmp_path}\n")
