"""What Knative promises a source and asks of it, line by line (knative/eventing 1.22): over real HTTP and TLS.

SinkBinding's environment and mounts, the answers of a Broker's ingress, the form of events on the wire, a pod's end.
What a Trigger asks of a function is in test_pytag_server.py, the manifests are in test_manifests.py.
"""

import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent

from tests.support import loopback
from tests.support.certificates import mount
from tests.support.clock import Clock
from tests.support.http_sink import http_sink
from tests.support.processes import process, wait_for_line
from tests.support.recording_sink import Answer, recording_sink
from tests.support.simulator_control import LOGIN, post_events
from tests.support.threaded_server import serve
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_simulator.certificate import make_certificate
from vcenter_simulator.server import Simulator
from vcenter_source import wiring as parts
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.event_loop import run_loop
from vcenter_source.settings import sink as sinksettings
from vcenter_source.settings import source as settings
from vcenter_source.settings.environment import read_area
from vcenter_source.sinks import connection, oidc, trust_bundle
from vcenter_source.sinks.responses import ACCESS_STATUSES
from vcenter_source.state.dead_letters import Reason

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
EVENT = CloudEvent({"id": "1", "source": "/s", "type": "t", "datacontenttype": "application/json"}, {"key": 1})
BODY = b'{"key":1}'


@dataclass(frozen=True)
class Request:
    connection: int
    head: bytes


@contextmanager
def raw_sink(
    answer: bytes = ACCEPTED, *, tls: ssl.SSLContext | None = None, hangs_up: bool = True
) -> Iterator[tuple[str, list[Request]]]:
    """A sink that says these bytes to every request, and may hang up then; and what it was asked."""
    requests: list[Request] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # a client that does not trust us, or has read enough, hangs up itself
                if tls is None:
                    self.serve(self.request)
                else:
                    with tls.wrap_socket(self.request, server_side=True) as secure:
                        self.serve(secure)

        def serve(self, connection: socket.socket) -> None:
            received = b""
            while more := connection.recv(65536):
                received += more
                if received.endswith(BODY):
                    requests.append(Request(self.client_address[1], received.partition(b"\r\n\r\n")[0]))
                    received = b""
                    connection.sendall(answer)
                    if hangs_up:
                        return

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with serve(server) as port:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", requests


def send(url: str, *, between: Callable[[], object] = lambda: None, count: int = 1, **options: Any) -> None:
    """Send an event this often through one sink; ``between`` is called after each."""

    async def all_of_them() -> None:
        async with http_sink(url, **options) as sink:
            for _ in range(count):
                await sink.send(Envelope(EVENT))
                between()

    run_loop(all_of_them())


# ---- K_SINK


@pytest.mark.parametrize("path", ["/ns/default", "/a%2Fb/%7Ec/../d//e/?x=%20+", "/a/./b"])
def test_the_path_of_k_sink_is_not_altered(path: str) -> None:
    with raw_sink() as (url, requests):
        send(url + path)
    assert requests[0].head.startswith(f"POST {path} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("given", [{}, {"K_SINK": "", "K_CE_OVERRIDES": "", "K_CA_CERTS": ""}])
def test_a_first_start_without_k_sink_ends_in_one_line(given: dict[str, str]) -> None:
    with process("vcenter_source", "run", VCENTER_URL="vc", **LOGIN, **given) as adapter:
        _, said = adapter.communicate(timeout=30)
    assert adapter.returncode == 2
    assert said.startswith("vcenter-source: K_SINK: not set; ")
    assert said.count("\n") == 1


POD = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9"}


def test_a_pod_without_k_sink_waits_not_ready_and_ends_at_once_when_its_place_is_taken() -> None:
    serving = {"HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": "0"}
    with process("vcenter_source", "run", VCENTER_URL="vc", **LOGIN, **POD, **serving) as adapter:
        port = wait_for_line(adapter, "serving /healthz").rpartition("port=")[2].strip()
        waiting = wait_for_line(adapter, "K_SINK is not set, waiting for the pod in which Knative sets it")
        assert "seconds=30.0" in waiting
        assert loopback.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        answer = loopback.get(f"http://127.0.0.1:{port}/readyz")
        assert (answer.status_code, answer.json()["checks"]["sink"]["why"]) == (503, "K_SINK is not set")
        adapter.send_signal(signal.SIGTERM)
        _, said = adapter.communicate(timeout=10)
    assert (adapter.returncode, said) == (0, "")


@pytest.mark.parametrize("pod", [POD, {}], ids=["in a pod", "elsewhere, set"])
def test_a_pod_that_has_waited_for_k_sink_ends_as_with_any_wrong_setting(pod: dict[str, str]) -> None:
    with process("vcenter_source", "run", VCENTER_URL="vc", SINK_WAIT="0.1", **LOGIN, **pod) as adapter:
        _, said = adapter.communicate(timeout=30)
    assert adapter.returncode == 2
    waited, last = said.splitlines()
    assert "waiting for the pod" in waited
    assert last.startswith("vcenter-source: K_SINK: not set; ")


# ---- K_CE_OVERRIDES, and the form of events on the wire


def test_what_goes_over_the_wire_is_what_a_go_sdk_and_a_trigger_can_read(simulator: Simulator) -> None:
    post_events(simulator, 60)
    what_an_event_is = '"id":"x","Source":"x","type":"x","specversion":"9","knativebrokerttl":"1"'
    overrides = f'{{"extensions":{{"Cluster":"a b%\\"ö",{what_an_event_is}}}}}'
    given = {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "K_CE_OVERRIDES": overrides} | LOGIN
    with recording_sink() as sink, process("vcenter_source", "run", K_SINK=sink.url, **given):
        for _ in range(60):
            sink.take()
        requests = list(sink.requests)
    for request in requests:
        attributes = {name[3:]: value for name, value in request.headers.items() if name.startswith("ce-")}
        assert request.headers["content-type"] == "application/json"  # binary mode
        assert {name for name in attributes if not (name.isalnum() and name.islower() and len(name) <= 20)} == set()
        assert {v for v in attributes.values() if not all("!" <= c <= "~" and c not in '%"' for c in v)} == set()
        assert not [name for name in attributes if name.startswith("knative")]
        assert (attributes["cluster"], attributes["specversion"]) == ("a_b___", "1.0")
        assert attributes["source"] == simulator.url
        assert attributes["partitionkey"]


def test_two_adapters_of_a_roll_out_name_an_event_alike(simulator: Simulator) -> None:
    post_events(simulator, 20)
    given = {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "EVENT_TYPES": "VmPoweredOnEvent"} | LOGIN

    def first_event() -> dict[str, Any]:
        with recording_sink() as sink, process("vcenter_source", "run", K_SINK=sink.url, MAX_IN_FLIGHT="1", **given):
            return sink.take().get_attributes()

    assert first_event() == first_event()


# ---- K_CA_CERTS, /knative-custom-certs and the system's authorities


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_authority(tmp_path_factory.mktemp("certificate"))


def make_authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate, and the TLS of a server that shows it."""
    certificate, key = make_certificate()
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "both.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return folder / "ca.pem", context


def test_an_authority_that_nobody_named_is_not_trusted(certificate: tuple[Path, ssl.SSLContext]) -> None:
    with raw_sink(tls=certificate[1]) as (url, _), pytest.raises(SinkUnavailableError, match="VERIFY_FAILED"):
        send(url)


def test_k_ca_certs_are_trusted_whatever_else_stands_in_them(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K_CA_CERTS", f"# Főtanúsítvány\n{certificate[0].read_text()}\n# the end")
    with raw_sink(tls=certificate[1]) as (url, requests):
        send(url, ca_certs=read_area(sinksettings.SinkSettings).ca_certs)
    assert len(requests) == 1


def test_the_systems_authorities_stay_trusted(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))  # where OpenSSL looks for the system's
    other = make_authority(tmp_path)[0].read_text()
    with raw_sink(tls=certificate[1]) as (url, requests):
        send(url, ca_certs=other, bundles=tmp_path)
    assert len(requests) == 1


def test_a_bad_bundle_does_not_take_the_others_with_it(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    mount(tmp_path, "..1", a=b"not PEM", b="# Főtanúsítvány\n".encode() + certificate[0].read_bytes())
    with raw_sink(tls=certificate[1]) as (url, requests):
        send(url, bundles=tmp_path)
    assert len(requests) == 1


def test_bundles_that_come_change_and_go_need_no_restart(
    certificate: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    volume = tmp_path / "bundles"
    mount(volume, "..1", old=make_authority(tmp_path)[0].read_bytes())

    async def story(url: str) -> None:
        async with http_sink(url, bundles=volume) as sink:
            with pytest.raises(SinkUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                await sink.send(Envelope(EVENT))
            mount(volume, "..2", new=certificate[0].read_bytes())
            await sink.send(Envelope(EVENT))
            mount(volume, "..3")
            with pytest.raises(SinkUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                await sink.send(Envelope(EVENT))

    with raw_sink(tls=certificate[1]) as (url, requests):
        run_loop(story(url))
    assert len(requests) == 1


def test_one_connection_serves_while_the_bundles_stay(certificate: tuple[Path, ssl.SSLContext], tmp_path: Path) -> None:
    mount(tmp_path, "..1", a=certificate[0].read_bytes())
    trust = trust_bundle.TrustBundle(None, tmp_path)
    assert trust.context() is trust.context()


# ---- /oidc/token


def test_the_token_is_sent_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "LOOK_SECONDS", 0)
    token = tmp_path / "token"
    token.write_text("first.a.b\n")
    with recording_sink() as sink:
        send(sink.url, count=2, token_file=token, between=partial(token.write_text, "second.a.b"))
        assert [r.headers.get("authorization") for r in sink.requests] == ["Bearer first.a.b", "Bearer second.a.b"]


def test_the_token_is_looked_at_once_a_second(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "token"
    token = oidc.OidcToken(file, clock)
    assert token.header() == {}
    file.write_text("first")
    clock.now += 0.9
    assert token.header() == {}
    clock.now += 0.1
    assert token.header() == {"authorization": "Bearer first"}
    file.unlink()
    clock.now += 1.0
    assert token.header() == {}


def test_no_token_is_mounted_none_is_sent(tmp_path: Path) -> None:
    with recording_sink() as sink:
        send(sink.url, token_file=tmp_path / "token")
        assert "authorization" not in sink.requests[0].headers


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb", "é"])
def test_a_token_that_is_none_is_waited_for(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with recording_sink() as sink:
        with pytest.raises(SinkUnavailableError, match="the sink's token: there is none in"):
            send(sink.url, token_file=tmp_path / "token")
        assert sink.requests == []


def test_a_token_that_cannot_be_read_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailableError, match="the sink's token: cannot read"):
        send("http://127.0.0.1:9", token_file=tmp_path)


def test_who_is_not_let_in_waits_with_a_token_and_without(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("expired")
    with recording_sink(lambda n: (401 if n < 2 else 403, {})) as sink:
        for status, token in ((401, tmp_path / "token"), (401, None), (403, tmp_path / "token")):
            with pytest.raises(SinkAccessError, match=str(status)):
                send(sink.url, token_file=token)


def test_only_the_sink_that_knative_named_is_shown_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret")
    monkeypatch.setattr(sinksettings, "OIDC_TOKEN", tmp_path / "token")

    async def both(given: settings.Settings) -> None:
        async with (
            parts.open_sink(given.sink) as sink,
            parts.open_dead_letters(given.dead_letters, given.sink) as letters,
        ):
            await sink.send(Envelope(EVENT))
            await letters.store(Envelope(EVENT), Reason(sink.address, "refused"))

    with recording_sink() as sink, recording_sink() as another:
        for name, value in ({"K_SINK": sink.url, "DEAD_LETTER_SINK": another.url, "VCENTER_URL": "vc"} | LOGIN).items():
            monkeypatch.setenv(name, value)
        run_loop(both(settings.load()))
        run_loop(both(settings.load(K_SINK=another.url)))
        assert ["authorization" in request.headers for request in sink.requests] == [True]
        assert ["authorization" in request.headers for request in another.requests] == [False] * 3


# ---- What the ingress answers


def test_every_status_is_taken_as_knative_takes_it() -> None:
    """SelectiveRetry in knative/eventing's pkg/kncloudevents/retries.go; 425 says "later" of itself (RFC 8470).

    Knative never sends again what speaks of the way, as it has no stream to hold; it goes on with the next event.
    """
    statuses = [200, 202, 204, *range(300, 600)]
    taken: dict[int, str] = {}

    async def each(url: str) -> None:
        async with http_sink(url) as sink:
            for status in statuses:
                try:
                    await sink.send(Envelope(EVENT))
                    taken[status] = "done"
                except (SinkUnavailableError, EventRefusedError) as exc:
                    assert exc.status == status  # noqa: PT017  both are looked at
                    later = "while none gets through" if isinstance(exc, SinkAccessError) else "later"
                    taken[status] = later if isinstance(exc, SinkUnavailableError) else "never"

    with recording_sink(lambda n: (statuses[n], {"Location": "/elsewhere"})) as sink:
        run_loop(each(sink.url))
        assert len(sink.requests) == len(statuses)  # no redirect was followed
    assert {s for s in statuses if taken[s] == "done"} == {200, 202, 204}
    assert {s for s in statuses if taken[s] == "later"} == {404, 408, 409, 425, 429, *range(500, 600)}
    assert {s for s in statuses if taken[s] == "while none gets through"} == ACCESS_STATUSES


def test_retry_after_is_honoured_up_to_the_longest_delay() -> None:
    backoff = Backoff(base=0.5, longest=30, random=lambda: 0.0)
    assert [backoff.delay(0, at_least=asked) for asked in (0, 7, 86_400)] == [0, 7, 30]


def test_a_broker_on_an_in_memory_channel_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers after all retries; to hang up before would cancel them. What a Broker takes at most is also known."""
    for name, value in ({"VCENTER_URL": "vc"} | LOGIN).items():
        monkeypatch.setenv(name, value)
    given = settings.load()
    assert given.sink.timeout >= 300
    assert given.sink.max_event_bytes < 1024 * 1024
    assert given.delivery.max_in_flight < 1000


# ---- Replies mean nothing to a source


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nless than that",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nwrong",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000,
    ],
    ids=["cut off", "wrongly packed", "long"],
)
def test_a_2xx_counts_whatever_becomes_of_its_body(answer: bytes) -> None:
    with raw_sink(answer) as (url, requests):
        send(url, count=2)
    assert len(requests) == 2


@pytest.mark.parametrize("status", ["202 Accepted", "503 Service Unavailable"])
def test_a_body_that_never_ends_is_left(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_TIMEOUT", 0.2)
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 99\r\n\r\nbegun".encode())
                while client.recv(65536):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            nullcontext()
            if status.startswith("2")
            else pytest.raises(SinkUnavailableError, match="503 Service Unavailable: begun")
        ):
            send(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert time.monotonic() - begun < 4


def test_a_reply_is_read_off_so_that_its_connection_serves_on() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/cloudevents+json\r\nContent-Length: 2\r\n\r\n{}"
    with raw_sink(reply, hangs_up=False) as (url, requests):
        send(url, count=3)
    assert len(requests) == 3
    assert len({request.connection for request in requests}) == 1


# ---- Spans


def test_spans_say_what_opentelemetry_and_knative_call_it(simulator: Simulator) -> None:
    """The conventions for messaging and CloudEvents; a Broker's own spans have the same messaging.system."""
    with Receiver() as receiver, recording_sink(lambda n: (202 if n else 503, {"Retry-After": "0"})) as sink:
        given = {
            "VCENTER_URL": simulator.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "K_SINK": f"{sink.url}ns/b?q=1",
        }
        with process("vcenter_source", "run", **given, **LOGIN) as adapter:
            wait_for_line(adapter, "reading events")
            post_events(simulator)
            event = sink.take()
            adapter.terminate()
            adapter.communicate(timeout=30)
        spans = receiver.trace(sink.requests[-1].headers["traceparent"].split("-")[1])
    root = next(span.attributes for span in spans if not span.parent_id)
    refused, taken = sorted((s for s in spans if s.parent_id), key=lambda span: span.start)
    assert {span.attributes["messaging.system"] for span in spans} == {"knative"}
    assert {span.attributes["messaging.message.id"] for span in spans} == {event.get_id()}
    assert (root["messaging.operation.type"], root["cloudevents.event_type"]) == ("create", event.get_type())
    assert root.get("cloudevents.event_subject") == event.get_subject()
    assert taken.attributes["messaging.operation.type"] == "send"
    assert taken.attributes["messaging.destination.name"] == "/ns/b"
    assert taken.attributes["url.full"] == f"{sink.url}ns/b"
    assert "error.type" not in taken.attributes
    assert refused.attributes["error.type"] == "503"


# ---- SIGTERM, and terminationGracePeriodSeconds


def test_sigterm_waits_for_the_answer_to_what_is_on_its_way(simulator: Simulator) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slowly(_: int) -> Answer:
        asked.set()
        answer.wait(10)
        return 202, {}

    given = {"VCENTER_URL": simulator.url} | LOGIN
    with recording_sink(slowly) as sink, process("vcenter_source", "run", K_SINK=sink.url, **given) as adapter:
        wait_for_line(adapter, "reading events")
        post_events(simulator)
        assert asked.wait(10)
        adapter.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            adapter.wait(0.5)
        answer.set()
        _, log = adapter.communicate(timeout=30)
    assert adapter.returncode == 0
    assert "undelivered=0" in log


def test_sigterm_waits_no_longer_than_the_grace_period_allows(simulator: Simulator) -> None:
    asked, answer = threading.Event(), threading.Event()

    def never(_: int) -> Answer:
        asked.set()
        answer.wait(20)
        return 202, {}

    given = {"VCENTER_URL": simulator.url, "DRAIN_TIMEOUT": "0.3"} | LOGIN
    with recording_sink(never) as sink, process("vcenter_source", "run", K_SINK=sink.url, **given) as adapter:
        wait_for_line(adapter, "reading events")
        post_events(simulator)
        assert asked.wait(10)
        begun = time.monotonic()
        adapter.send_signal(signal.SIGTERM)
        _, log = adapter.communicate(timeout=30)
        assert time.monotonic() - begun < 5
        answer.set()
    assert adapter.returncode == 0
    assert "undelivered=1" in log
