"""OpenTelemetry's variables: wrong values are refused, what is not honoured is told, and the documents list them."""

import logging
import re
import socket
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

import vcenter_functions
from tests.support.otlp_collector import Collector, collector
from tests.support.processes import process
from tests.support.pytag import rest_vcenter
from tests.support.pytag_process import post_event, pytag_environment, pytag_process, run_pytag, stop_pytag
from tests.support.recording_sink import recording_sink
from tests.support.simulator_control import LOGIN, post_events
from vcenter_functions.otel.receiver import create_session
from vcenter_functions.otel.sdk import build_resource
from vcenter_functions.otel.variables import HONOURED, find_errors, find_ignored
from vcenter_simulator.server import Simulator

ROOT = Path(__file__).parents[2]
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "jaeger:4318"}, "'jaeger:4318' is not an http:// or https:// address; set"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "grpc://c:4317"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'grpc://c:4317'"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://"}, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://' is not"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:port"}, "'http://c:port' is not an http:// or https:// address"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "me:secret@c"}, "OTEL_EXPORTER_OTLP_ENDPOINT: 'c' is not"),
        (ENDPOINT | {"OTEL_TRACES_SAMPLER": "allways_on"}, "'allways_on' is not supported; set one of always_on, "),
        (ENDPOINT | {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10"}, "_ARG: '10' is not"),
        (ENDPOINT | {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, "_ARG: 'x' is not"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "OTEL_EXPORTER_OTLP_TIMEOUT: '10s' is not a number above 0"),
        (ENDPOINT | {"OTEL_METRIC_EXPORT_INTERVAL": "0"}, "OTEL_METRIC_EXPORT_INTERVAL: '0' is not a number above 0"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, "'zstd' is not supported; set one of none, gzip"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such"}, "cannot read /no/such: No such file"),
        (ENDPOINT | {"OTEL_BSP_SCHEDULE_DELAY": "soon"}, "OTEL_BSP_SCHEDULE_DELAY: 'soon': not a whole number"),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "yes"}, "OTEL_SDK_DISABLED: 'yes' is not supported; set one of true, false"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(environ: dict[str, str], line: str) -> None:
    (found,) = find_errors(environ)
    assert line in found
    assert found.startswith("OTEL_")
    assert "secret" not in found


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_SAMPLER": "nonsense"},  # nothing is sent, so nothing is read
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense", "OTEL_SDK_DISABLED": "true"},
        ENDPOINT | {"OTEL_TRACES_SAMPLER": "ALWAYS_OFF", "OTEL_TRACES_SAMPLER_ARG": "x"},
        ENDPOINT | {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        ENDPOINT | {"OTEL_EXPORTER_OTLP_TIMEOUT": "2.5", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
        ENDPOINT | {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(ROOT), "OTEL_EXPORTER_OTLP_CLIENT_KEY": __file__},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:pw@[::1]:4318/otlp", "OTEL_BSP_SCHEDULE_DELAY": " 20 "},
    ],
)
def test_what_is_right_is_taken(environ: dict[str, str]) -> None:
    assert list(find_errors(environ)) == []
    assert list(find_ignored(environ)) == []


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER: console is not honoured; spans go only"),
        ({"OTEL_METRICS_EXPORTER": "otlp,prometheus"}, "OTEL_METRICS_EXPORTER: prometheus is not honoured; metrics"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not honoured; it is "),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: http/json is not"),
        ({"OTEL_PROPAGATORS": "b3,jaeger,baggage"}, "OTEL_PROPAGATORS: b3, jaeger are not honoured; the trace "),
        ({"OTEL_CONFIG_FILE": "a.yaml", "OTEL_EXPORTER_OTLP_ENDPIONT": "x"},
         "OTEL_CONFIG_FILE, OTEL_EXPORTER_OTLP_ENDPIONT are not honoured"),
        ({"OTEL_LOGS_EXPORTER": "otlp"}, "OTEL_LOGS_EXPORTER is not honoured"),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_told_in_one_line(environ: dict[str, str], line: str) -> None:
    (found,) = find_ignored(environ)
    assert found.startswith(line)
    assert list(find_ignored({**environ, "OTEL_SDK_DISABLED": "true"})) == []


def test_what_others_set_for_their_own_use_is_nobodys_fault() -> None:
    kubernetes = [
        "OTEL_COLLECTOR_SERVICE_HOST",
        "OTEL_COLLECTOR_SERVICE_PORT_OTLP",
        "OTEL_COLLECTOR_PORT_4318_TCP_ADDR",
    ]
    operator = ["OTEL_POD_IP", "OTEL_NODE_IP", "OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "OTEL_JAVAAGENT_DEBUG"]
    harmless = {"OTEL_LOGS_EXPORTER": "none", "OTEL_CONFIG_FILE": "", "OTEL_PROPAGATORS": "tracecontext,baggage"}
    assert list(find_ignored(dict.fromkeys([*kubernetes, *operator], "x") | harmless)) == []


def test_the_list_is_in_the_documentation() -> None:
    listed = re.findall(r"`(OTEL_[A-Z_]+)`", (ROOT / "docs" / "tracing.md").read_text().partition("## Not hon")[0])
    assert sorted(set(listed)) == sorted(HONOURED)


def iter_until(lines: Iterable[str], words: str) -> Iterator[str]:
    for line in lines:
        yield line
        if words in line:
            return


def said(simulator: Simulator, receiver: Collector, **settings: str) -> str:
    """What the adapter logs while it sends one event and its spans."""
    otel = {"OTEL_METRICS_EXPORTER": "none", "OTEL_BSP_SCHEDULE_DELAY": "20"} | settings
    otel.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    with (
        recording_sink() as sink,
        process("vcenter_source", "run", VCENTER_URL=simulator.url, K_SINK=sink.url, **otel, **LOGIN) as adapter,
    ):
        assert adapter.stderr is not None
        lines = "".join(iter_until(adapter.stderr, "reading events"))
        post_events(simulator)
        sink.take()
        assert receiver.came.wait(10)
        adapter.terminate()
        return f"{lines}{adapter.communicate(timeout=20)[1]}"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "{url} answers 404 Not Found)"),
        (401, "{url} answers 401 Unauthorized)"),
        (503, "{url} answers 503 Service Unavailable)"),
        (302, "redirected to https://elsewhere/ ({url} answers 302 Found)"),
    ],
)
def test_a_receiver_that_refuses_is_named_with_its_status(
    caplog: pytest.LogCaptureFixture, status: int, words: str
) -> None:
    with collector(status) as receiver:
        url = f"{receiver.url}/v1/traces"
        export(url.replace("//", "//me:secret@") + "?token=secret")
    (said,) = caplog.messages
    assert words.format(url=url) in said
    assert "secret" not in said


def test_a_receiver_that_is_away_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/v1/traces"
    export(url)
    assert caplog.messages[-1].endswith(f"({url} does not answer)")


def test_what_the_receivers_address_has_in_its_query_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/v1/traces"
    session = create_session(OTLPSpanExporter, {})
    assert session is not None
    with pytest.raises(requests.ConnectionError, match="s3cret") as refused:
        session.post(f"{url}?token=s3cret")
    logging.getLogger(OTLPSpanExporter.__module__).warning("Transient error %s", refused.value)  # as the exporter does
    assert caplog.messages[-1].endswith(f"({url} does not answer)")
    assert "s3cret" not in caplog.text


def test_a_session_that_the_environment_names_stays() -> None:
    assert create_session(OTLPSpanExporter, {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "x"}) is None


def export(url: str) -> None:
    exporter = OTLPSpanExporter(url, timeout=0.1, session=create_session(OTLPSpanExporter, {}))
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("one")
    assert isinstance(span, ReadableSpan)
    assert exporter.export([span]) is SpanExportResult.FAILURE
    exporter.shutdown()  # type: ignore[no-untyped-call]


def test_a_receiver_that_takes_no_metrics_is_named_too(simulator: Simulator) -> None:
    off = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "100"}
    with collector(404) as receiver:
        assert f"({receiver.url}/v1/metrics answers 404 Not Found)" in said(simulator, receiver, **off)


def test_a_receiver_that_takes_no_spans_is_named_and_they_are_counted(simulator: Simulator) -> None:
    with collector(404) as receiver:
        log = said(simulator, receiver)
    assert log.count("spans are dropped") == 1
    assert f"{receiver.url}/v1/traces answers 404 Not Found" in log


def test_pytag_names_such_a_receiver_and_tells_what_it_does_not_honour() -> None:
    with rest_vcenter() as vcenter, collector(404) as receiver:
        vcenter.tag()
        otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_PROPAGATORS": "b3"}
        with pytag_process(pytag_environment(vcenter.base, **otel)) as (running_pytag, url):
            assert post_event(url).status_code == 204
            assert receiver.came.wait(10)
            code, _, log = stop_pytag(running_pytag)
    assert code == 0
    events = [str(entry.get("event") or entry.get("message")) for entry in log]
    (dropped,) = [entry for entry in log if entry.get("event") == "spans are dropped"]
    assert dropped["reason"] == f"{receiver.url}/v1/traces answers 404 Not Found"
    assert sum("OTEL_PROPAGATORS: b3 is not honoured" in each for each in events) == 1
    (of_process, *_) = ExportTraceServiceRequest.FromString(receiver.bodies[0]).resource_spans
    attributes = {pair.key: pair.value.string_value for pair in of_process.resource.attributes}
    assert (attributes["service.name"], attributes["service.version"]) == ("pytag", vcenter_functions.__version__)
    assert {each.scope.version for each in of_process.scope_spans} == {vcenter_functions.__version__}


def test_the_functions_version_is_the_distributions() -> None:
    assert vcenter_functions.__version__ == version("vcenter-source")


def test_the_versions_go_along_and_what_is_not_honoured_is_told_once(simulator: Simulator) -> None:
    with collector() as receiver:
        log = said(simulator, receiver, OTEL_PROPAGATORS="b3", OTEL_RESOURCE_ATTRIBUTES="k8s.pod.name=p")
    assert log.count("OTEL_PROPAGATORS: b3 is not honoured") == 1
    (of_process, *_) = ExportTraceServiceRequest.FromString(receiver.bodies[0]).resource_spans
    attributes = {pair.key: pair.value.string_value for pair in of_process.resource.attributes}
    assert (attributes["service.name"], attributes["service.version"]) == (
        "vcenter-source",
        vcenter_functions.__version__,
    )
    assert attributes["k8s.pod.name"] == "p"
    (scope,) = {(each.scope.name, each.scope.version) for each in of_process.scope_spans}
    assert scope == ("vcenter-source", vcenter_functions.__version__)


def test_the_version_can_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=mine")
    assert build_resource("vcenter-source").attributes["service.version"] == "mine"


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_EXPORTER_OTLP_ENDPOINT": "jaeger:4318"}, ENDPOINT | {"OTEL_SPAN_EVENT_COUNT_LIMIT": "few"}],
)
def test_whoever_runs_a_wrong_value_ends_it_with_one_line(simulator: Simulator, variables: dict[str, str]) -> None:
    code, out, err = run_pytag(pytag_environment("http://127.0.0.1:1") | variables)
    assert (code, out, err.count("\n")) == (2, "", 1)
    reason = err.removeprefix("pytag: ")
    assert reason.startswith("OTEL_")
    with process(
        "vcenter_source", "run", VCENTER_URL=simulator.url, K_SINK="http://127.0.0.1:9", **variables, **LOGIN
    ) as adapter:
        assert adapter.communicate(timeout=20)[1] == f"vcenter-source: {reason}"
    assert adapter.returncode == 2


def test_the_doctor_refuses_it_too(simulator: Simulator) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "jaeger:4318", "VCENTER_URL": simulator.url}
    with process("vcenter_source", "doctor", "--sink", "-", **settings, **LOGIN) as doctor:
        assert "'jaeger:4318' is not an http://" in doctor.communicate(timeout=20)[1]
    assert doctor.returncode == 2


def test_every_variable_that_has_a_rule_is_opentelemetrys_own() -> None:
    from opentelemetry import environment_variables as api
    from opentelemetry.sdk import environment_variables as sdk

    known = {value for module in (api, sdk) for name, value in vars(module).items() if "OTEL_" in name}
    assert set(HONOURED) <= known
