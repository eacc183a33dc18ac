"""pytag as the process that a container runs: its first line, its log, its end."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.processes import SLOW
from tests.support.pytag import POOL, RestVcenter, serve_app
from tests.support.pytag_process import post_event, pytag_environment, pytag_process, run_pytag, stop_pytag

TRACE = "0af7651916cd43dd8448eb211c80319c"
NO_VCENTER = (
    "VCENTER_URL: not set; set it to vCenter's host name or https://host/sdk, or VCENTERS_FILE to a list of vCenters"
)
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_logs_out(vcenter: RestVcenter, by: signal.Signals) -> None:
    vcenter.tag()
    with pytag_process(pytag_environment(vcenter.base)) as (running, url):
        assert post_event(url, traceparent=PARENT).status_code == 204
        code, out, log = stop_pytag(running, by)
    assert (code, out) == (0, "")
    assert len(vcenter.vcenter.sessions) == 0
    (entry,) = log
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "tag attached",
        "level": "info",
        "event_id": "42",
        "trace_id": TRACE,
        "object": "ResourcePool:resgroup-9",
        "type": "com.vmware.event.resourcepool.created",
    }


def test_what_is_being_handled_is_finished_first(vcenter: RestVcenter) -> None:
    vcenter.tag()
    running_now = threading.Event()
    go_on = threading.Event()

    def hold(request: Request) -> None:
        if "/tag-association/" in request.url.path:
            running_now.set()
            assert go_on.wait(10)

    vcenter.hook = hold
    with pytag_process(pytag_environment(vcenter.base)) as (running, url):
        answers: list[int] = []
        sender = threading.Thread(target=lambda: answers.append(post_event(url).status_code))
        sender.start()
        assert running_now.wait(10)
        running.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.5)
        go_on.set()
        sender.join(10)
        assert running.wait(10) == 0
    assert answers == [204]
    assert len(vcenter.tagging.tags_on(POOL)) == 1


def test_a_refused_event_is_logged_with_its_id_and_its_trace(vcenter: RestVcenter) -> None:
    with pytag_process(pytag_environment(vcenter.base)) as (running, url):
        post_event(url, ce_traceparent=PARENT)
        _, _, (entry,) = stop_pytag(running)
    assert (entry["level"], entry["event_id"], entry["trace_id"], entry["status"]) == ("error", "42", TRACE, 422)
    assert "TAG: vCenter has no category 'owner'" in entry["error"]


def test_the_log_for_people_is_one_line_an_entry_without_secrets(vcenter: RestVcenter) -> None:
    variables = pytag_environment(vcenter.base, VCENTER_PASSWORD="hunter2", LOG_FORMAT="console", LOG_LEVEL="debug")
    with pytag_process(variables) as (running, url):
        post_event(url)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=20)
    assert "not tagged, will be retried" in err
    assert "hunter2" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_tells_no_local_variable(log_format: str) -> None:
    """Not even where rich is installed, with which structlog would print them all."""
    code = (
        "import logging, rich, structlog\n"
        "from pytag.settings import Settings\n"
        "from vcenter_functions import logs\n"
        "logs.configure(Settings.load())\n"
        "def fail():\n"
        "    token = 'tok' + 'en-of-a-session'\n"
        "    raise RuntimeError('boom')\n"
        "for logger in (structlog.get_logger(), logging.getLogger('uvicorn.error')):\n"
        "    try:\n"
        "        fail()\n"
        "    except RuntimeError:\n"
        "        logger.exception('failed')\n"
    )
    variables = pytag_environment("http://127.0.0.1:1", LOG_FORMAT=log_format, COLUMNS="200")
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert done.stderr.count("RuntimeError: boom") == 2
    assert done.stderr.count("in fail") == 2
    assert "token-of-a-session" not in done.stderr


def test_spans_reach_a_collector_before_the_process_ends(vcenter: RestVcenter) -> None:
    vcenter.tag()
    received: list[ExportTraceServiceRequest] = []

    async def collect(request: Request) -> Response:
        received.append(ExportTraceServiceRequest.FromString(await request.body()))
        return Response(media_type="application/x-protobuf")

    collector = Starlette(routes=[Route("/v1/traces", collect, methods=["POST"])])
    with (
        serve_app(collector) as endpoint,
        pytag_process(pytag_environment(vcenter.base, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)) as (running, url),
    ):
        assert post_event(url, traceparent=PARENT).status_code == 204
        assert stop_pytag(running)[0] == 0
    resources = [resource for request in received for resource in request.resource_spans]
    names = {a.key: a.value.string_value for r in resources for a in r.resource.attributes}
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    assert names["service.name"] == "pytag"
    assert {"find tag", "attach tag"} < {span.name for span in spans}
    assert {span.trace_id.hex() for span in spans} == {TRACE}


def test_a_collector_that_is_away_holds_up_nothing(vcenter: RestVcenter) -> None:
    vcenter.tag()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        endpoint = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytag_process(pytag_environment(vcenter.base, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)) as (running, url):
        assert post_event(url).status_code == 204
        running.send_signal(signal.SIGTERM)
        assert running.wait(8) == 0


def test_a_port_that_is_taken_is_named_in_one_line(vcenter: RestVcenter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run_pytag(pytag_environment(vcenter.base, PORT=str(port)))
    assert (code, out) == (1, "")
    assert err == f"pytag: PORT: cannot listen on 127.0.0.1:{port}: address already in use; set another, or 0\n"


@pytest.mark.parametrize(("path", "told"), [("/vcenter/sdk", ["/vcenter/sdk"]), ("/sdk/", []), ("/", [])])
def test_a_path_that_is_not_used_is_told_once(vcenter: RestVcenter, path: str, told: list[str]) -> None:
    with pytag_process(pytag_environment(vcenter.base + path)) as (running, _):
        _, _, log = stop_pytag(running)
    assert [line["path"] for line in log if line["event"] == "the path in VCENTER_URL is not used"] == told


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"VCENTER_URL": ""}, f"pytag: {NO_VCENTER}\n"),
        ({"TAG_ACTION": "x"}, "pytag: TAG_ACTION: 'x': set 'attach' or 'detach'\n"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(wrong: dict[str, str], message: str) -> None:
    assert run_pytag(pytag_environment("http://127.0.0.1:1") | wrong) == (2, "", message)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9999"}, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: must be at most OTEL_BSP"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "-1"}, "OTEL_BSP_SCHEDULE_DELAY: must be above 0"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "OTEL_BSP_MAX_QUEUE_SIZE: 'many': not a whole number"),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "few"}, "OTEL_SPAN_EVENT_COUNT_LIMIT: must be a non-negative integer"),
        (
            {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "x"},
            "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER: 'x' is no installed plug-in",
        ),
    ],
)
def test_a_wrong_setting_of_opentelemetry_ends_it_with_one_line(wrong: dict[str, str], message: str) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    code, out, err = run_pytag(pytag_environment("http://127.0.0.1:1") | endpoint | wrong)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"pytag: {message}")


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_still_loads_ends_it_quietly(tmp_path: Path, by: signal.Signals, code: int) -> None:
    (tmp_path / "structlog.py").write_text(SLOW)
    command = [sys.executable, "-m", "pytag"]
    variables = pytag_environment("http://127.0.0.1:1", PYTHONPATH=str(tmp_path))
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "loading\n"
        running.send_signal(by)
        assert (*running.communicate(timeout=10), running.returncode) == ("", "", code)


def test_pytag_knows_neither_the_adapter_nor_pyvmomi_and_starts_without_the_sdk() -> None:
    code = (
        "import sys, pytag.__main__\n"
        "print([m for m in sys.modules if m.split('.')[0] in {'adapter', 'pyVmomi'} or m == 'opentelemetry.sdk'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"
