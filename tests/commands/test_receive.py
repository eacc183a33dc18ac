"""``vcenter-source dead-letters receive``: letters of a Broker and of adapters, kept until they are sent again."""

import asyncio
import io
import json
import signal
from pathlib import Path

import pytest

from tests.support import loopback
from tests.support.dead_letters import TRACEPARENT, folder_at, letter, names
from tests.support.demo_broker import EVENT, broker, subscriber
from tests.support.http_sink import http_sink
from tests.support.letter_receiver import BODY, PYTAG, LetterReceiver, receiver_at, refused_by_function, run
from tests.support.manifest_files import KNATIVE
from tests.support.recording_sink import recording_sink
from tests.support.waiting import eventually
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_source.commands.dead_letters.show import print_letters
from vcenter_source.state.dead_letters import Reason
from vcenter_source.state.dead_letters.folder import StoredLetter
from vcenter_source.state.dead_letters.sink import DeadLetterSink


def letters_in(folder: Path) -> list[StoredLetter]:
    return list(folder_at(folder).read_letters())


# --- what a Broker posts ---


def test_a_letter_of_the_broker_is_listed_shown_sent_again_and_gone(receiver: LetterReceiver) -> None:
    answer = receiver.post(refused_by_function())
    assert (answer.status_code, answer.content) == (204, b"")
    code, out, said = run(receiver.folder, "list", "--json")
    assert (code, said) == (0, "")
    row = json.loads(out)
    assert (row["id"], row["reason"]) == ("7", f"{PYTAG} answers 422: no such category")
    code, out, _ = run(receiver.folder, "show", "7")
    assert code == 0
    assert f"refused by: {PYTAG}\nstatus: 422\n" in out
    assert "answer: no such category\n{" in out
    assert json.loads(out[out.index("{") :])["data"] == json.loads(BODY)
    with recording_sink() as sink:
        code, out, _ = run(receiver.folder, "replay", K_SINK=sink.url)
        (sent,) = sink.requests
    assert (code, out) == (0, "1 accepted and removed, 0 refused again and kept.\n")
    names_of_attributes = {name for name in sent.headers if name.startswith("ce-")}
    assert not [name for name in names_of_attributes if name.startswith(("ce-knativeerror", "ce-deadletter"))]
    assert (sent.headers["ce-id"], sent.headers["ce-traceparent"]) == ("7", TRACEPARENT)
    assert json.loads(sent.body) == json.loads(BODY)
    assert run(receiver.folder, "list") == (0, "", "")


def test_what_a_function_refuses_comes_by_way_of_the_manifests_broker_and_goes_back_through_it(
    receiver: LetterReceiver,
) -> None:
    created = {"ce-type": "com.vmware.event.resourcepool.created", "ce-id": "17"}
    with subscriber() as pytag:
        pytag.answers += [(422, {}, b"the event is about no object")] * 2
        addresses = ("--subscriber", f"pytag={pytag.url}", "--subscriber", f"dead-letters={receiver.url}")
        with broker(KNATIVE, *addresses) as ingress:
            assert loopback.post(ingress, headers=EVENT | created, content=b"{}").status_code == 202
            eventually(lambda: names(folder_at(receiver.folder)) == ["17"])
            # Refused once more: it comes back as a new letter, before or after the old one is removed.
            before = letters_in(receiver.folder)[0].line
            assert run(receiver.folder, "replay", K_SINK=ingress)[0] == 0
            eventually(lambda: [each.line for each in letters_in(receiver.folder)] not in ([], [before]))
            assert names(folder_at(receiver.folder)) == ["17"]
            assert run(receiver.folder, "replay", K_SINK=ingress)[0] == 0
            eventually(lambda: len(pytag.received) == 3)
    assert names(folder_at(receiver.folder)) == []


def test_it_is_sent_to_one_function_alone_if_one_asks_for_that(receiver: LetterReceiver) -> None:
    for name in ("1", "2", "3"):
        receiver.post(refused_by_function(name))
    with recording_sink() as function:
        code, out, said = run(receiver.folder, "replay", "1", "3", "--to", function.url, K_SINK="http://127.0.0.1:9/")
        assert [each.headers["ce-id"] for each in function.requests] == ["1", "3"]
    assert (code, out, said) == (0, "2 accepted and removed, 0 refused again and kept.\n", "")
    assert names(folder_at(receiver.folder)) == ["2"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a": {"b": [1.5, null, "\xc3\xb6"]}}'),
        ("application/json", b"[1, 2]"),
        ("application/json", b"null"),
        ("text/plain", b"a text"),
        ("application/octet-stream", b"\0\xff\n"),
        ("application/json", b""),
    ],
)
def test_any_data_comes_back_as_it_came(receiver: LetterReceiver, content_type: str, body: bytes) -> None:
    assert receiver.post(refused_by_function() | {"Content-Type": content_type}, body).status_code == 204
    with recording_sink() as sink:
        assert run(receiver.folder, "replay", "--to", sink.url)[0] == 0
        (sent,) = sink.requests
    is_json = content_type == "application/json" and body
    assert (json.loads(sent.body) == json.loads(body)) if is_json else (sent.body == body)
    assert sent.headers["content-type"] == content_type


def test_an_event_that_two_functions_refuse_is_two_letters(receiver: LetterReceiver) -> None:
    receiver.post(refused_by_function("1", PYTAG))
    receiver.post(refused_by_function("1", "http://notify/"))
    assert names(folder_at(receiver.folder)) == ["1", "1"]
    assert run(receiver.folder, "discard", "1") == (0, "2 discarded.\n", "")


def test_what_an_adapter_sends_keeps_its_reason_and_the_functions_that_have_the_event(receiver: LetterReceiver) -> None:
    async def send() -> None:
        async with http_sink(receiver.url) as sink:
            reason = Reason("http://gateway/", "function größer refuses it", 422, b"no", takers=("one", "two"))
            await DeadLetterSink(sink).store(letter("1"), reason)

    asyncio.run(send())
    (stored,) = letters_in(receiver.folder)
    assert stored.event.get_attributes()["deadletterreason"] == "function größer refuses it"
    assert stored.takers == ("one", "two")


def test_what_show_prints_of_all_is_a_folder_again(receiver: LetterReceiver, tmp_path: Path) -> None:
    for name in ("1", "2"):
        receiver.post(refused_by_function(name))
    code, out, _ = run(receiver.folder, "show", "--all", "--json")
    (tmp_path / "dead-letters-00000001.jsonl").write_text(out, encoding="utf-8")
    assert (code, names(folder_at(tmp_path))) == (0, ["1", "2"])


@pytest.mark.parametrize("command", ["show", "discard", "replay"])
def test_an_id_that_is_not_there_is_a_line_and_nothing_is_done(receiver: LetterReceiver, command: str) -> None:
    receiver.post(refused_by_function("1"))
    code, out, said = run(receiver.folder, command, "1", "98", "99", K_SINK="http://127.0.0.1:9/")
    words = "vcenter-source: no dead letter has the id 98, 99; vcenter-source dead-letters list shows the ids\n"
    assert (code, out, said) == (1, "", words)
    assert names(folder_at(receiver.folder)) == ["1"]


@pytest.mark.parametrize("arguments", [[], ["--all", "1"]])
def test_to_discard_one_says_which_or_all(tmp_path: Path, arguments: list[str]) -> None:
    code, _, said = run(tmp_path, "discard", *arguments)
    assert code == 2
    assert "name the ids of the events, or --all" in said


def test_the_list_counts_by_who_refused_and_how(receiver: LetterReceiver) -> None:
    for name in ("1", "2", "3"):
        receiver.post(refused_by_function(name, answer=f"no category {name}".encode()))
    receiver.post(refused_by_function("4", "http://notify/"))
    code, out, _ = run(receiver.folder, "list", "--counts")
    assert (code, out.splitlines()) == (
        0,
        [
            f"3\t422\t{PYTAG}\tanswers 422: no category 3",
            "1\t422\thttp://notify/\tanswers 422: no such category",
        ],
    )
    first = json.loads(run(receiver.folder, "list", "--counts", "--json")[1].splitlines()[0])
    assert (first["count"], first["status"], first["address"]) == (3, "422", PYTAG)
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    print_letters(folder_at(receiver.folder).read_letters(), as_json=False, out=terminal)
    _, _, counts = terminal.getvalue().partition("\n\n")
    heads, *rows = counts.splitlines()
    assert all(column in heads for column in ("count", "status", "address", "reason"))
    assert rows[0].startswith("3 ")


# --- limits, traces and the end ---


def test_what_is_no_letter_is_refused_in_a_line(tmp_path: Path) -> None:
    with receiver_at(tmp_path, MAX_BODY_BYTES="1000") as receiver:
        without_id = {name: value for name, value in refused_by_function().items() if name != "Ce-Id"}
        assert receiver.post(refused_by_function(), b"x" * 1001).status_code == 413
        answer = receiver.post(without_id)
        assert (answer.status_code, answer.text.count("\n")) == (400, 1)
        assert "the attribute id is missing" in answer.text
        assert receiver.post(refused_by_function() | {"Content-Encoding": "gzip"}).status_code == 415
        batch = {"Content-Type": "application/cloudevents-batch+json"}
        assert receiver.post(batch, b"[]").status_code == 415
        assert loopback.put(receiver.url, content=b"").status_code == 405
    assert names(folder_at(tmp_path)) == []


def test_the_trace_of_the_event_goes_on(tmp_path: Path) -> None:
    with Receiver() as spans:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url, "OTEL_SERVICE_NAME": "dead-letters"}
        with receiver_at(tmp_path, **settings) as receiver:
            receiver.post(refused_by_function())
            receiver.process.send_signal(signal.SIGTERM)
            assert receiver.process.wait(10) == 0
        (span,) = spans.trace(TRACEPARENT[3:35])
    assert span.name == "CloudEvents Process com.vmware.event.vm.poweredon"
    assert span.parent_id == "00f067aa0ba902b7"
    (stored,) = letters_in(tmp_path)
    assert stored.event.get_attributes()["traceparent"] == TRACEPARENT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(receiver: LetterReceiver, number: signal.Signals) -> None:
    receiver.post(refused_by_function("1"))
    receiver.process.send_signal(number)
    out, said = receiver.process.communicate(timeout=10)
    assert (receiver.process.returncode, out, "Traceback" in said) == (0, "", False)
    assert "stopped" in said
