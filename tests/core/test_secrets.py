"""A secret in the address of a sink goes to the sink, and nowhere else, whatever the sink says of it."""

import asyncio
import base64
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import loopback
from tests.support.dead_letters import cloudevent, folder_at, names
from tests.support.http_sink import http_sink
from tests.support.otlp_collector import collector
from tests.support.processes import command, process, wait_for_line
from tests.support.recording_sink import recording_sink
from tests.support.simulator_control import LOGIN, control
from tests.support.waiting import eventually
from vcenter_functions.net.addresses import strip_secrets
from vcenter_simulator.server import Simulator
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import ConfigurationError, SinkUnavailableError
from vcenter_source.core.redaction import MASK, Redactor, find_secrets
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.openfaas import GatewaySettings

SECRET = "s3cret/with+signs="
ENCODED = quote(SECRET, safe="")
QUERY = f"code={ENCODED}&v=1"


def has_secret(text: str) -> bool:
    return SECRET in text or ENCODED in text or "s3cret" in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://sink/path", "http://sink/path"),
        (f"http://sink/path?{QUERY}", "http://sink/path"),
        (f"https://user:{ENCODED}@sink:8443/a/b?x#{ENCODED}", "https://sink:8443/a/b"),
        (f"http://[::1]:80?{ENCODED}", "http://[::1]:80"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert strip_secrets(url) == shown


@pytest.mark.parametrize(
    "said",
    [
        f"cannot POST /?{QUERY}",
        f"code {SECRET} is wrong",
        f'{{"code": "{SECRET}"}}',
        ENCODED,
    ],
)
def test_what_is_said_of_it_is_hidden_in_every_spelling(said: str) -> None:
    redactor = Redactor(find_secrets(f"http://sink/?{QUERY}"))
    assert MASK in redactor.redact(said)
    assert not has_secret(redactor.redact(said))
    assert not has_secret(redactor.redact_bytes(b"\xff" + said.encode()).decode(errors="replace"))


def test_where_there_is_nothing_to_hide_nothing_is_changed() -> None:
    redactor = Redactor(find_secrets("http://sink/path?v=1"))
    assert redactor.redact("answers 401 at version 1.1") == "answers 401 at version 1.1"
    assert Redactor(()).redact("answers") == "answers"


def test_a_failure_names_the_address_without_it_and_hides_it_in_the_answer() -> None:
    async def send(url: str) -> None:
        async with http_sink(url) as sink:
            assert not has_secret(sink.address)
            await sink.send(Envelope(cloudevent()))

    with recording_sink(lambda _: (503, {})) as sink:
        sink.objection = f"no such code: {SECRET}".encode()
        with pytest.raises(SinkUnavailableError, match=r"answers 503 .*no such code: \*\*\*") as caught:
            asyncio.run(send(f"{sink.url}?{QUERY}"))
    assert not has_secret(str(caught.value) + caught.value.body.decode())


def test_a_gateway_has_no_query() -> None:
    with pytest.raises(ConfigurationError, match="query") as caught:
        read_area(GatewaySettings, OPENFAAS_URL=f"http://gateway:8080?{QUERY}")
    assert not has_secret(str(caught.value))


def served(adapter: subprocess.Popen[str]) -> tuple[str, str, str]:
    """Where the admin server and the viewer are, and the log so far."""
    lines, admin, viewer = "", "", ""
    while not (admin and viewer and "reading events" in lines):
        line = wait_for_line(adapter, "")
        lines += line
        if "serving /healthz" in line:
            admin = f"http://127.0.0.1:{line.rpartition('port=')[2].strip()}/"
        elif found := re.search("event viewer.*(http://[^ ]+/)", line):
            viewer = found[1]
    return admin, viewer, lines


def streamed(viewer: str, words: str) -> str:
    """What a page of the viewer is told, up to these words."""
    told = ""
    with loopback.stream("GET", f"{viewer}api/stream", timeout=20) as stream:
        for text in stream.iter_text():
            told += text
            if words in told:
                return told
    raise AssertionError(told)


@pytest.mark.parametrize("through_a_proxy", [False, True])
def test_it_stands_in_no_log_span_metric_page_or_dead_letter(
    simulator: Simulator, tmp_path: Path, through_a_proxy: bool
) -> None:
    with collector() as spans, recording_sink() as sink:
        sink.refuses = lambda message: int(message.headers["ce-id"]) % 2 == 0
        sink.objection = f"cannot POST /?{QUERY}, nor {SECRET}".encode()
        settings = {"VCENTER_URL": simulator.url, "DEAD_LETTER_PATH": str(tmp_path), "LOG_LEVEL": "debug"} | LOGIN
        settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url, "VIEWER": "0"}
        settings |= {"HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": "0", "RETRY_MAX_DELAY": "0.1"}
        settings |= {"http_proxy": sink.url, "no_proxy": "127.0.0.1"} if through_a_proxy else {}
        settings["K_SINK"] = f"{'http://sink.invalid/' if through_a_proxy else sink.url}?{QUERY}"
        with process("vcenter_source", "run", **settings) as adapter:
            admin, viewer, log = served(adapter)
            control(simulator, "events", count=6)
            eventually(lambda: len(names(folder_at(tmp_path))) >= 3)
            told = streamed(viewer, "dead letter") + loopback.get(f"{viewer}api/events/1").text
            told += loopback.get(f"{admin}readyz").text + loopback.get(f"{admin}metrics").text
            adapter.terminate()
            log += adapter.communicate(timeout=20)[1]
        letters = b"".join(file.read_bytes() for file in tmp_path.glob("*.jsonl")).decode()
        listed = command("dead-letters", "list", DEAD_LETTER_PATH=str(tmp_path))
        again = command("dead-letters", "replay", **settings)
    exported = b"".join(spans.bodies).decode(errors="replace")
    assert "cannot POST" in log
    assert "dead letter" in told
    assert "CloudEvents Create" in exported
    assert again.returncode == 1
    data = b"".join(map(base64.b64decode, re.findall('"knativeerrordata":"([^"]+)"', letters))).decode()
    assert "cannot POST" in data
    for each in (log, told, exported, letters, data, listed.stdout + listed.stderr, again.stdout + again.stderr):
        assert not has_secret(each)
