"""Dead letters: what they carry, over real HTTP, and how they are listed."""

import asyncio
import io
import socket
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dead_letters import REASON, TRACEPARENT, cloudevent, folder_at, letter, store
from tests.support.http_sink import http_sink
from tests.support.processes import process
from tests.support.recording_sink import RecordingSink, recording_sink
from vcenter_source.commands.dead_letters.show import print_letters
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    SinkUnavailableError,
    VcenterSourceError,
)
from vcenter_source.sinks.batching import BatchingSink
from vcenter_source.sinks.http import HttpSink
from vcenter_source.state.dead_letters import Reason, with_error_attributes, without_error_attributes
from vcenter_source.state.dead_letters.sink import DeadLetterSink

# --- what a dead letter carries ---


def test_a_dead_letter_has_knatives_attributes_and_gives_the_event_back_as_it_was() -> None:
    letter = with_error_attributes(cloudevent(), REASON)
    attributes = letter.get_attributes()
    assert attributes["knativeerrordest"] == "http://broker/default"
    assert attributes["knativeerrorcode"] == "400"
    assert b64decode(attributes["knativeerrordata"]) == b"no"
    again = without_error_attributes(CloudEvent(attributes | {"deadlettertime": "now"}, letter.get_data()))
    assert again.get_attributes() == cloudevent().get_attributes()
    assert again.get_data() == cloudevent().get_data()


def test_where_the_sink_gave_no_answer_there_is_no_code_and_the_reason_is_the_data() -> None:
    attributes = with_error_attributes(cloudevent(), Reason("http://broker/", "too large")).get_attributes()
    assert "knativeerrorcode" not in attributes
    assert b64decode(attributes["knativeerrordata"]) == b"too large"


@given(body=st.binary(max_size=3000))
def test_an_answer_is_cut_before_it_is_encoded_and_any_event_comes_back(body: bytes) -> None:
    event = with_error_attributes(cloudevent(), Reason("http://broker/", "400", 400, body))
    assert b64decode(event.get_attributes().get("knativeerrordata", "")) == body[:1024]
    assert without_error_attributes(event).get_attributes() == cloudevent().get_attributes()


# --- the sinks ---


@contextmanager
def answering(status: int, objection: bytes) -> Iterator[RecordingSink]:
    with recording_sink(lambda _: (status, {})) as sink:
        sink.objection = objection
        yield sink


async def send(url: str, event: CloudEvent, limit: int = sys.maxsize) -> HttpSink | BatchingSink:
    async with http_sink(url, max_event_bytes=limit) as sink:
        await sink.send(Envelope(event))
        return sink


@pytest.mark.parametrize("status", [400, 503])
def test_what_a_sink_says_travels_with_the_failure(status: int) -> None:
    with answering(status, b"x" * 5000) as sink, pytest.raises(VcenterSourceError) as caught:
        asyncio.run(send(sink.url, cloudevent()))
    assert isinstance(caught.value, EventRefusedError if status == 400 else SinkUnavailableError)
    assert (caught.value.status, caught.value.body) == (status, b"x" * 1024)
    assert len(str(caught.value)) < 700


def test_an_event_that_is_too_large_is_permanent_and_never_sent() -> None:
    with recording_sink() as sink:
        asyncio.run(send(sink.url, cloudevent(text="x" * 1000), limit=1500))
        with pytest.raises(EventRefusedError, match=r"has \d+ bytes, more than MAX_EVENT_BYTES \(1000\)") as caught:
            asyncio.run(send(sink.url, cloudevent(text="x" * 1000), limit=1000))
        assert caught.value.status is None
        assert len(sink.requests) == 1


def test_a_password_in_the_sinks_address_is_in_no_message_and_no_dead_letter() -> None:
    with answering(400, b"no") as sink, pytest.raises(EventRefusedError) as caught:
        asyncio.run(send(sink.url.replace("//", "//user:s3cret@"), cloudevent()))
    assert "s3cret" not in str(caught.value)
    with recording_sink() as sink:
        assert asyncio.run(send(sink.url.replace("//", "//user:s3cret@"), cloudevent())).address == sink.url


async def store_at(url: str, one: Envelope) -> None:
    async with http_sink(url) as sink:
        await DeadLetterSink(sink).store(one, REASON)


def test_a_dead_letter_sink_gets_the_event_with_what_went_wrong() -> None:
    with recording_sink() as sink:
        asyncio.run(store_at(sink.url, letter()))
        arrived = sink.take()
        headers = sink.requests[0].headers
    assert headers["ce-knativeerrordest"] == "http://broker/default"
    assert headers["ce-knativeerrorcode"] == "400"
    assert headers["ce-knativeerrordata"] == "bm8="
    assert headers["ce-traceparent"] == TRACEPARENT
    assert arrived.get_data() == cloudevent().get_data()


@pytest.mark.parametrize("status", [400, 503])
def test_a_dead_letter_sink_that_does_not_take_it_is_a_failure_that_may_pass(status: int) -> None:
    with answering(status, b"no") as sink, pytest.raises(DeadLetterUnavailableError, match=rf"^DEAD_.*{status}.*: no$"):
        asyncio.run(store_at(sink.url, letter()))


def test_a_dead_letter_sink_that_is_not_there_is_a_failure_that_may_pass() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with pytest.raises(DeadLetterUnavailableError, match=r"^DEAD_LETTER_SINK: http"):
            asyncio.run(store_at(f"http://127.0.0.1:{taken.getsockname()[1]}/", letter()))


# --- list ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_table_and_a_program_lines(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("41"), letter("42"))
    terminal, pipe, json = Terminal(), io.StringIO(), io.StringIO()
    print_letters(folder.read_letters(), as_json=False, out=terminal)
    print_letters(folder.read_letters(), as_json=False, out=pipe)
    print_letters(folder.read_letters(), as_json=True, out=json)
    assert len(terminal.getvalue().splitlines()) >= 3
    assert terminal.getvalue().splitlines()[0].split() == ["id", "time", "type", "subject", "vcenter", "reason"]
    row = terminal.getvalue().splitlines()[1]
    assert row.split()[:4] == ["41", "2026-01-31T08:00:00Z", "vm.poweredon", "VirtualMachine:vm-1"]
    assert pipe.getvalue().splitlines()[1].split("\t") == [
        "2026-01-31T08:00:00.000Z",
        "com.vmware.event.vm.poweredon",
        "VirtualMachine:vm-1",
        "42",
        "answers 400: no",
        "east",
    ]
    assert [orjson.loads(line)["id"] for line in json.getvalue().splitlines()] == ["41", "42"]


def test_an_empty_folder_is_said_to_be_empty_to_people_alone(tmp_path: Path) -> None:
    terminal, pipe = Terminal(), io.StringIO()
    print_letters(folder_at(tmp_path / "none").read_letters(), as_json=False, out=terminal)
    print_letters(folder_at(tmp_path / "none").read_letters(), as_json=False, out=pipe)
    assert (terminal.getvalue(), pipe.getvalue()) == ("no dead letters\n", "")


def test_the_list_needs_no_vcenter(tmp_path: Path) -> None:
    store(folder_at(tmp_path), letter("42"))
    with process("vcenter_source", "dead-letters", "list", "--json", DEAD_LETTER_PATH=str(tmp_path)) as listing:
        out, said = listing.communicate(timeout=20)
    assert (listing.returncode, said) == (0, "")
    assert orjson.loads(out)["subject"] == "VirtualMachine:vm-1"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with process("vcenter_source", "dead-letters", "list", DEAD_LETTER_PATH=str(tmp_path / "misspelt")) as listing:
        out, said = listing.communicate(timeout=20)
    assert (listing.returncode, out) == (0, "")
    assert "no such folder yet" in said
    assert "misspelt" in said


@pytest.mark.parametrize(
    ("command", "settings", "words"),
    [
        ("list", {}, "DEAD_LETTER_PATH: not set"),
        ("replay", {"K_SINK": "http://127.0.0.1:9/"}, "DEAD_LETTER_PATH: not set"),
        ("replay", {"DEAD_LETTER_PATH": "/no/such"}, "K_SINK: not set"),
        ("replay", {"DEAD_LETTER_PATH": "/no/such", "K_SINK": "-"}, "K_SINK: not set"),
        ("list", {"DEAD_LETTER_PATH": "/no/such", "DEAD_LETTER_SINK": "-"}, "DEAD_LETTER_SINK: only K_SINK"),
        ("list", {"DEAD_LETTER_PATH": "/no/such", "MAX_EVENT_BYTES": "0"}, "MAX_EVENT_BYTES: '0': "),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(command: str, settings: dict[str, str], words: str) -> None:
    with process("vcenter_source", "dead-letters", command, **settings) as refused:
        _, said = refused.communicate(timeout=20)
    assert refused.returncode == 2
    assert said.startswith(f"vcenter-source: {words}")
    assert said.count("\n") == 1
