"""The viewer's server: who may ask for what, the stream and where it resumes, Triggers, sending again, settings."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing
from typing import Any

import httpx
import pytest
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.exporter.otlp.proto.http import Compression

from demo.filters import trigger_matches
from tests.support import loopback
from tests.support.processes import clean_environment, command
from tests.support.span_export import export_spans
from tests.support.viewer import make_event, port_of, run_viewer_alone
from tests.support.waiting import eventually
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_source.commands.send import read_events
from vcenter_source.core.errors import ConfigurationError, LeaseLostError, SinkUnavailableError
from vcenter_source.core.tracing.spans import CLIENT, PRODUCER, Constants
from vcenter_source.core.tracing.tracer import Tracer, create_tracer
from vcenter_source.settings.source import load
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.values import ValueChecker
from vcenter_source.viewer import spans, trigger_form

TOKEN = "sixteen letters, or more"
JSON = {"content-type": "application/json"}


# --- who may ask --------------------------------------------------------------------------------------------------


def test_the_page_and_its_parts_are_served_under_a_strict_policy() -> None:
    with run_viewer_alone() as viewer:
        page = loopback.get(viewer.url)
        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
        assert "unsafe" not in policy
        for path in ("main.js", "list.css", "icon.svg"):
            answer = loopback.get(viewer.url + path)
            assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
        for path in ("nothing.js", "../server.py", "%2e%2e/server.py", "page/", "index.html"):
            missing = loopback.get(viewer.url + path)
            assert (missing.status_code, "default-src" in missing.headers["Content-Security-Policy"]) == (404, True)


def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline() -> None:
    with run_viewer_alone() as viewer:
        text = loopback.get(viewer.url).text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "<style" not in text
    assert " style=" not in text
    assert " on" not in "".join(part.split(">")[0] for part in text.split("<"))
    assert text.count("<script") == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Host": "localhost:1"}, 404),
        ({"Host": "[::1]:1"}, 404),
        ({"Host": "127.0.0.2"}, 404),
        ({"Host": "vcenter.example.com"}, 421),
        ({"Host": "127.0.0.1.example.com"}, 421),
        ({"Host": "localhost.example.com:80"}, 421),
        ({"Host": "["}, 421),
        ({"Host": ""}, 421),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Sec-Fetch-Site": "none"}, 404),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost:1", "Host": "localhost:1"}, 404),
        ({"Origin": "http://localhost:2", "Host": "localhost:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_data_is_for_our_own_page_by_a_loopback_name(headers: dict[str, str], status: int) -> None:
    with run_viewer_alone() as viewer:
        for path in ("api/events/1", "api/events/1/trace"):
            assert loopback.get(viewer.url + path, headers=headers).status_code == status
        answer = loopback.post(f"{viewer.url}api/events/1/replay", headers=headers | JSON, content="{}")
        assert answer.status_code == status


def test_with_a_token_whoever_has_it_is_served_by_any_name_and_nobody_else() -> None:
    with run_viewer_alone(token=TOKEN) as viewer, loopback.Client(base_url=viewer.url) as client:
        viewer.post(make_event(1))
        viewer.do(viewer.feed.flush)
        path = "api/events/1"
        assert client.get(path).status_code == 401
        for wrong in ("Bearer wrong", TOKEN, "Bearer é", f"Basic {TOKEN}"):
            assert (
                client.get(path, headers=httpx.Headers({"Authorization": wrong}, encoding="utf-8")).status_code == 401
            )
        assert client.get(path, headers={"Cookie": f"vcenter-source-viewer={TOKEN}"}).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}", "Host": "viewer.example.com"}
        assert client.get(path, headers=bearer).status_code == 200
        assert client.get("", headers={"Host": "viewer.example.com"}).status_code == 200


def test_the_token_is_given_once_and_the_cookie_is_another_secret() -> None:
    with run_viewer_alone(token=TOKEN) as viewer, loopback.Client(base_url=viewer.url) as client:
        viewer.post(make_event(1))
        viewer.do(viewer.feed.flush)
        wrong = client.post("api/session", json={"token": "no"})
        assert (wrong.status_code, wrong.cookies) == (403, httpx.Cookies())
        from_elsewhere = {"Origin": "http://other.example.com"}
        assert client.post("api/session", json={"token": TOKEN}, headers=from_elsewhere).status_code == 403
        signed_in = client.post("api/session", json={"token": TOKEN})
        said = signed_in.headers["Set-Cookie"]
        assert TOKEN not in said
        assert "HttpOnly" in said
        assert "SameSite=Strict" in said
        assert client.get("api/events/1").status_code == 200
        other = {"Sec-Fetch-Site": "cross-site"}
        assert client.post("api/events/1/replay", json={}, headers=other).status_code == 403
        assert viewer.sink.events == []


def test_a_form_of_another_page_changes_nothing() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1))
        viewer.do(viewer.feed.flush)
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            form = loopback.post(f"{viewer.url}api/events/1/replay", headers={"content-type": kind}, content="{}")
            assert form.status_code == 415
        assert loopback.post(f"{viewer.url}api/events/1/replay", headers=JSON, content="[]").status_code == 400
        assert viewer.sink.events == []


async def read_all(lines: io.BytesIO) -> list[CloudEvent]:
    return [event async for event in read_events(lines, "export")]


def test_events_are_exported_in_the_order_that_is_asked_for() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(1, 1301)))
        viewer.do(viewer.feed.flush)
        asked = {"numbers": [1300, *range(2, 1202), 4711]}
        answer = loopback.post(f"{viewer.url}api/export", json=asked)
        assert answer.headers["content-type"] == "application/x-ndjson"
        sent_by_send = asyncio.run(read_all(io.BytesIO(answer.content)))
        assert [event.get_id() for event in sent_by_send] == ["1300", *map(str, range(2, 1202))]
        for wrong in (None, ["1"], [True]):
            assert loopback.post(f"{viewer.url}api/export", json={"numbers": wrong}).status_code == 400


# --- the stream ---------------------------------------------------------------------------------------------------


def messages(url: str, **headers: str) -> Generator[tuple[str, str, Any], None, None]:
    """Event, id and data of the stream's messages."""
    with loopback.stream("GET", f"{url}api/stream", headers=headers, timeout=10) as response:
        assert response.headers["content-type"] == "text/event-stream"
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            else:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                fields = {}


def first_events(url: str, **headers: str) -> tuple[bool, str, list[int]]:
    """Whether the page begins afresh, the last id, and the numbers in the first message with events."""
    fresh = False
    with closing(messages(url, **headers)) as stream:
        for event, last_id, data in stream:
            if event == "about":
                fresh = data["fresh"]
            if event == "events":
                return fresh, last_id, [each["n"] for each in data["events"]]
    raise AssertionError("the stream has ended")


def test_the_stream_resumes_after_the_last_event_id() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(5)))
        fresh, last_id, numbers = first_events(viewer.url)
        assert (fresh, numbers) == (True, [1, 2, 3, 4, 5])
        viewer.post(*map(make_event, range(5, 8)))
        assert first_events(viewer.url, **{"Last-Event-ID": last_id})[::2] == (False, [6, 7, 8])


def test_a_page_that_goes_away_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with run_viewer_alone() as viewer:
        for _ in range(3):
            viewer.post(make_event(1))
            first_events(viewer.url)
        eventually(lambda: viewer.do(lambda: not [task for task in asyncio.all_tasks() if "start" in str(task)]))
    assert [record.message for record in caplog.records if record.name.startswith("aiohttp")] == []


@pytest.mark.parametrize("last_id", ["", "x", "another-3", "-", "another-", "another-99999999999999999999", "²-²"])
def test_a_last_event_id_of_another_process_begins_afresh(last_id: str) -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*map(make_event, range(3)))
        found = (
            first_events(viewer.url, **{"Last-Event-ID": last_id}) if last_id.isascii() else first_events(viewer.url)
        )
        assert found[::2] == (True, [1, 2, 3])


def test_the_status_is_what_readyz_says() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(1), state="in flight")
        with closing(messages(viewer.url)) as stream:
            status = next(data for event, _, data in stream if event == "status")
    assert (status["inFlight"], status["lag"], status["ready"]) == (1, None, False)
    assert status["checks"]["vcenter"] == {"ok": False, "why": "not read yet"}


# --- one event ----------------------------------------------------------------------------------------------------


def test_an_event_in_full_has_both_modes_and_its_failures() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7, name="web-7"), state="retrying")
        viewer.do(viewer.feed.flush)
        found = loopback.get(f"{viewer.url}api/events/1").json()
        assert (found["headers"]["ce-id"], found["headers"]["content-type"]) == ("7", "application/json")
        assert found["event"]["data"]["vm"]["name"] == "web-7"
        assert (found["state"], found["tries"]) == ("retrying", 1)
        assert "503" in found["failures"][0][1]
        assert loopback.get(f"{viewer.url}api/events/2").status_code == 404


def test_sending_again_says_what_the_sink_said() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7))
        viewer.do(viewer.feed.flush)
        path = f"{viewer.url}api/events/1/replay"
        assert loopback.post(path, json={}).json() == {"accepted": True, "why": ""}
        viewer.sink.refusal = SinkUnavailableError("it answers 503")
        assert loopback.post(path, json={}).json() == {"accepted": False, "why": "it answers 503"}
        viewer.sink.refusal = LeaseLostError("another may have the Lease")
        assert loopback.post(path, json={}).json() == {"accepted": False, "why": "another may have the Lease"}
    with run_viewer_alone(sink=None) as viewer:
        viewer.post(make_event(7))
        viewer.do(viewer.feed.flush)
        assert not loopback.post(f"{viewer.url}api/events/1/replay", json={}).json()["accepted"]


# --- Triggers -----------------------------------------------------------------------------------------------------

CHECKER = ValueChecker(EventCatalog())
FILTERS = [
    ("- exact: {type: com.vmware.event.vm.poweredon}", 4),
    ("filter:\n  attributes: {severitytext: ERROR}", 1),
    ("- prefix: {type: com.vmware.event.}\n- suffix: {eventancestors: ',VmEvent,Event'}", 4),
    ("- any:\n  - exact: {severitytext: ERROR}\n  - exact: {severitytext: WARN}", 2),
    ("- all:\n  - exact: {severitytext: WARN}\n  - not: {exact: {subject: 'VirtualMachine:vm-9'}}", 1),
    ("- not: {exact: {severitytext: INFO}}", 2),
    ("- not: {exact: {tracestate: a=b}}", 4),
    ("- exact: {tracestate: a=b}", 0),
    ("", 4),
    ("- cesql: severitytext = 'WARN' OR severitytext = 'ERROR'", 2),
    ("- cesql: NOT (severitytext = 'INFO') AND type LIKE '%.vm.%'", 2),
    ("- cesql: subject IN ('VirtualMachine:vm-1', 'VirtualMachine:vm-3')", 2),
    ("- cesql: EXISTS tracestate", 0),
    ("- cesql: NOT EXISTS tracestate", 4),
    # An absent attribute fails the whole expression, unless what is before it decides.
    ("- cesql: tracestate != 'a'", 0),
    ("- cesql: NOT (tracestate = 'a')", 0),
    ("- cesql: severitytext = 'INFO' OR tracestate = 'a'", 2),
    ("- cesql: tracestate = 'a' OR severitytext = 'INFO'", 0),
    ("- not: {cesql: tracestate = 'a'}", 4),
    ("- any: [{cesql: severitytext = 'WARN' XOR type = 'x'}, {exact: {severitytext: ERROR}}]", 2),
    ("- cesql: LENGTH(type) > 5 AND UPPER(LEFT(severitytext, 4)) = 'WARN'", 1),
    ("- cesql: INT(SUBSTRING(subject, -1)) % 2 = 1", 2),
    ("- cesql: id >= 2", 2),
    ("- cesql: id * 'x' = 0", 0),
]
EVENTS = [make_event(key, severitytext=severity) for key, severity in enumerate(("INFO", "WARN", "ERROR", "INFO"))]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
def test_a_filter_counts_the_events_that_knative_would_pass(filters: str, expected: int) -> None:
    form = trigger_form.TriggerForm("mine", "default", "", "svc/pytag", filters)
    found = trigger_form.evaluate_form(form, CHECKER, [event.get_attributes() for event in EVENTS])
    assert (found["problem"], found["matched"], found["of"]) == (None, expected, 4)
    if "cesql" in filters:
        return
    # The demo's Broker evaluates all others with code of its own, read from Knative's.
    spec = trigger_form.parse_filters(filters)
    assert sum(trigger_matches(spec, event.get_attributes()) for event in EVENTS) == expected


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ("- exact: {type: [", "filters: not YAML, line 1"),
        ("just text", "filters: must be a list of filters"),
        ("a: &x [1]\nb: *x", "filters: *aliases are not allowed"),
        ("spec: 1", "filters: must be a list of filters"),
        ("2026-13-45", "filters: not YAML"),
    ],
)
def test_what_is_no_filter_is_said_to_be_none(filters: str, says: str) -> None:
    found = trigger_form.evaluate_form(
        trigger_form.TriggerForm("mine", "default", "", "svc/pytag", filters), CHECKER, []
    )
    assert str(found["problem"]).startswith(says)
    assert found["yaml"] == ""


@pytest.mark.parametrize(
    "filters",
    [
        "- cesql: type =",
        "- exact: {}",
        "- exact: {severitytext: 5}",
        "- like: {type: x}",
        f"- cesql: {'id = 5 OR ' * 900} id = 6",  # too long for this
        f"- cesql: {'1 + ' * 3000} 1 = 6",
    ],
)
def test_what_knative_refuses_or_ignores_is_not_counted(filters: str) -> None:
    found = trigger_form.evaluate_form(
        trigger_form.TriggerForm("mine", "default", "", "svc/pytag", filters), CHECKER, [EVENTS[0].get_attributes()]
    )
    assert found["matched"] is None


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("name", "Not This", "name: 'Not This'"), ("subscriber", "nobody", "subscriber"), ("namespace", "_", "namespace")],
)
def test_a_wrong_name_is_one_clear_line(field: str, value: str, says: str) -> None:
    fields = {"name": "mine", "broker": "default", "namespace": "", "subscriber": "svc/pytag", "filters": ""}
    found = trigger_form.evaluate_form(trigger_form.TriggerForm(**(fields | {field: value})), CHECKER, [])
    assert says in found["problem"]


# --- spans --------------------------------------------------------------------------------------------------------


def keep_spans() -> tuple[Tracer, spans.SpanStore]:
    """What makes spans, none of which is sent, and what the viewer keeps."""
    tracer = create_tracer("adapter", "1", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    store = spans.SpanStore(tracer.service)
    tracer.listeners.append(store.keep)
    return tracer, store


def test_this_processs_spans_and_a_backends_are_one_list() -> None:
    tracer, kept = keep_spans()
    parent = tracer.start_span(Constants("create", PRODUCER), {"n": 3})
    parent.fail("gone")
    parent.end()
    (own,) = kept.spans_of(parent.trace_id.hex())
    assert (own["name"], own["service"], own["failed"], own["attributes"]) == ("create", "adapter", True, {"n": "3"})
    assert kept.spans_of("0" * 31 + "1") == []
    other = own | {"id": "0000000000000001", "start": str(int(own["start"]) - 5)}
    assert [span["id"] for span in spans.merge_spans([own], [other, own])] == [other["id"], own["id"]]


def test_a_request_with_several_events_is_below_each_of_them() -> None:
    tracer, kept = keep_spans()
    roots = [tracer.start_span(Constants("create", PRODUCER), {}) for _ in range(2)]
    tracer.start_span(Constants("POST", CLIENT), {}, links=roots).end()
    for root in roots:
        root.end()
        sent, created = kept.spans_of(root.trace_id.hex())
        assert (sent["name"], sent["parent"]) == ("POST", root.span_id.hex())
        assert (created["name"], created["parent"]) == ("create", "")


def test_spans_of_other_processes_are_read_as_jaeger_answers_them() -> None:
    with Receiver() as receiver:
        trace_id = export_spans(receiver, Compression.NoCompression)
        with run_viewer_alone(trace_api=f"{receiver.url}/api/v3/traces/{{trace_id}}") as viewer:
            viewer.post(make_event(1, traceparent=f"00-{trace_id}-00f067aa0ba902b7-01"))
            viewer.post(make_event(2))
            viewer.do(viewer.feed.flush)
            found = loopback.get(f"{viewer.url}api/events/1/trace").json()["spans"]
            assert loopback.get(f"{viewer.url}api/events/2/trace").json() == {"spans": []}
    assert [(span["name"], span["service"], span["failed"]) for span in found] == [
        ("parent", "pytag", False),
        ("GET", "pytag", True),
    ]
    assert found[1]["parent"] == found[0]["id"]


@pytest.mark.parametrize("body", [None, [], {"resourceSpans": 5}, {"result": {"resourceSpans": [{"scopeSpans": [1]}]}}])
def test_an_answer_that_has_no_spans_is_none(body: object) -> None:
    assert list(spans.parse_otlp_spans(body)) == []


# --- settings -----------------------------------------------------------------------------------------------------

VCENTER = {"VCENTER_URL": "vc.example.com", "VCENTER_USERNAME": "u", "VCENTER_PASSWORD": "p"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in clean_environment():
        monkeypatch.delenv(name, raising=False)
    for name, value in VCENTER.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("8082", ("localhost", 8082)),
        ("0", ("localhost", 0)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:5", ("::1", 5)),
    ],
)
def test_viewer_is_a_port_or_an_address(environment: pytest.MonkeyPatch, value: str, address: tuple[str, int]) -> None:
    environment.setenv("VIEWER", value)
    assert load().viewer.bind_address == address


@pytest.mark.parametrize(
    "value", ["eighty", "70000", "host", "host:", ":80", "u:p@host:80", "host:80/path", "http://x:80"]
)
def test_what_is_no_address_is_refused_in_one_line(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("VIEWER", value)
    with pytest.raises(ConfigurationError, match=r"VIEWER: .*not a port or host:port"):
        load()


@pytest.mark.parametrize("value", ["0.0.0.0:8082", "192.0.2.7:80", "viewer.example.com:80", "[::]:80"])
def test_an_address_that_others_reach_takes_a_token(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("VIEWER", value)
    with pytest.raises(ConfigurationError, match="VIEWER_TOKEN: not set"):
        load()
    environment.setenv("VIEWER_TOKEN", "too short")
    with pytest.raises(ConfigurationError, match="VIEWER_TOKEN: too short") as refused:
        load()
    assert "too short;" in str(refused.value)
    environment.setenv("VIEWER_TOKEN", TOKEN)
    assert load().viewer.address == value


@pytest.mark.parametrize("value", ["javascript:alert({trace_id})", "http://jaeger/trace/", "jaeger/{trace_id}"])
def test_a_template_is_an_http_address_with_the_trace_in_it(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("TRACE_URL_TEMPLATE", value)
    with pytest.raises(ConfigurationError, match="TRACE_URL_TEMPLATE"):
        load()


def test_a_port_that_is_taken_is_one_line_and_the_viewer_is_not_loaded_without_its_setting() -> None:
    with run_viewer_alone() as viewer:
        done = command("run", **VCENTER, K_SINK="-", VIEWER=str(port_of(viewer.url)))
    assert done.returncode == 2
    assert "VIEWER: cannot listen on localhost:" in done.stderr
    code = "import sys, vcenter_source.commands.run as _\nprint([m for m in sys.modules if '_source.viewer' in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"
