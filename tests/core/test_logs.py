"""The log: with LOG_FORMAT=json a JSON object a line, whoever writes it, and each that is about an event names it."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import clean_environment, process
from tests.support.recording_sink import recording_sink
from tests.support.simulator_control import LOGIN
from vcenter_functions.logs import _formatting_processors as format_lines
from vcenter_simulator.testing import run_simulator
from vcenter_source.core import logs

JSON = {"LOG_FORMAT": "json", "HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": "0"}


def lines(log: str) -> list[dict[str, Any]]:
    """Every line as its object; fails for anything else among them."""
    found = [json.loads(line) for line in log.splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"]) for line in found)
    assert {line["level"] for line in found} <= {"debug", "info", "warning", "error", "critical"}
    assert all(line["message"] for line in found)
    return found


def python(code: str, **settings: str) -> tuple[str, int]:
    """What a program that has set up its log as ``run`` does writes on standard error, and its exit code."""
    set_up = """from vcenter_source.core import logs
from vcenter_source.settings import environment, log
logs.configure(environment.read_area(log.LogSettings))
"""
    command = [sys.executable, "-c", set_up + code]
    done = subprocess.run(command, env=clean_environment(**settings), capture_output=True, text=True, check=False)
    return done.stderr, done.returncode


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_log_that_cannot_be_written_ends_nothing(log_format: str) -> None:
    with run_simulator(backlog=1) as simulator, recording_sink() as sink, Path("/dev/full").open("w") as full:
        settings = {
            "VCENTER_URL": simulator.url,
            "K_SINK": sink.url,
            "START_FROM": "beginning",
            "LOG_FORMAT": log_format,
        }
        command = [sys.executable, "-m", "vcenter_source", "run"]
        with subprocess.Popen(command, env=clean_environment(**settings, **LOGIN), stderr=full) as adapter:
            try:
                sink.take()
                adapter.terminate()
                assert adapter.wait(20) == 0
            finally:
                adapter.kill()
        wrong = subprocess.run(command, env=clean_environment(LOG_FORMAT=log_format), stderr=full, check=False)
    assert wrong.returncode == 2


@pytest.mark.parametrize("traced", [True, False])
def test_json_is_one_object_a_line_and_a_line_about_an_event_names_it(traced: bool) -> None:
    with (
        run_simulator(backlog=1) as simulator,
        recording_sink(lambda request: (503 if request == 0 else 202, {})) as sink,
        recording_sink(lambda _: (404, {})) as collector,
    ):
        sink.objection = "ein Gerät\nsagt\u2028\x1bnein".encode()
        settings = {"VCENTER_URL": simulator.url, "K_SINK": sink.url, "START_FROM": "beginning"} | LOGIN | JSON
        if traced:
            settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        with process("vcenter_source", "run", **settings, RETRY_MAX_DELAY="0.1") as adapter:
            sink.take()
            adapter.terminate()
            _, log = adapter.communicate(timeout=20)
        headers = sink.requests[0].headers
    found = lines(log)
    (refused,) = (line for line in found if line["message"] == "sink did not accept the event, trying again")
    named = (refused["level"], refused["event_id"], refused["event_type"])
    assert named == ("warning", headers["ce-id"], headers["ce-type"])
    (begins,) = (line for line in found if line["message"] == "delivering events")
    way = [begins[field] for field in ("level", "source", "sink", "types", "begins")]
    assert way == ["info", headers["ce-source"], sink.url, "all", "START_FROM=beginning"]
    # Without tracing there is no trace to name.
    assert refused.get("trace_id", "") == headers.get("ce-traceparent", "--").split("-")[1]
    assert bool(refused.get("trace_id")) is traced
    # OpenTelemetry's exporters, which nobody listens to, complain in the same form.
    assert any("404" in line["message"] for line in found) is traced


def test_what_libraries_and_python_itself_say_has_the_same_form() -> None:
    code = (
        "import logging, warnings\n"
        "logging.getLogger('some.library').info('of no use to an operator')\n"
        "logging.getLogger('some.library').warning('half %s', 'done')\n"
        "warnings.warn('an old way')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: logging.getLogger('asyncio').exception('a task failed')\n"
    )
    log, _ = python(code, LOG_FORMAT="json")
    half, old, failed = lines(log)
    assert (half["level"], half["message"]) == ("warning", "half done")
    assert "UserWarning: an old way" in old["message"]
    assert (failed["level"], failed["message"]) == ("error", "a task failed")
    assert failed["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_crash_is_a_line_too() -> None:
    log, code = python("def f(): return 1 / 0\nf()", LOG_FORMAT="json")
    (crash,) = lines(log)
    assert (crash["level"], code) == ("critical", 1)
    assert "in f\n" in crash["exception"]


def test_for_people_a_traceback_is_pythons_own() -> None:
    log, _ = python("import structlog\ntry: 1 / 0\nexcept ZeroDivisionError: structlog.get_logger().exception('oh')")
    assert log.splitlines()[0].endswith("oh")
    assert log.endswith("ZeroDivisionError: division by zero\n")
    assert "\x1b" not in log


@pytest.mark.parametrize("render", [logs.for_people, lambda: format_lines("console")], ids=["adapter", "kit"])
@pytest.mark.parametrize("no_colour", ["", "1"])
def test_no_color_holds_for_the_log_on_a_terminal(
    render: Callable[[], Sequence[Any]], no_colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("NO_COLOR", no_colour)
    line = render()[-1](None, "warning", {"event": "an event", "level": "warning"})
    assert "an event" in line
    assert ("\x1b" in line) is not bool(no_colour)


def test_a_wrong_setting_is_said_in_json_where_that_is_set() -> None:
    with process("vcenter_source", "run", VCENTER_URL="ftp://vc", **JSON, **LOGIN) as adapter:
        _, log = adapter.communicate(timeout=30)
    (line,) = lines(log)
    assert line["message"].startswith("VCENTER_URL: not an address")
    assert adapter.returncode == 2


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_tells_no_local_variable(log_format: str) -> None:
    code = """
import logging, rich, structlog
def fail():
    token = 'tok' + 'en-of-a-session'
    raise RuntimeError('boom')
for logger in (structlog.get_logger(), logging.getLogger('asyncio')):
    try:
        fail()
    except RuntimeError:
        logger.exception('failed')
fail()
"""
    log, status = python(code, LOG_FORMAT=log_format)
    assert (status, log.count("RuntimeError: boom"), log.count("in fail")) == (1, 3, 3)
    assert "token-of-a-session" not in log
