"""HTTPS_PROXY, HTTP_PROXY and NO_PROXY: honoured alike by all that connects, and named in failures."""

import asyncio
import os
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.support import simulator_control
from tests.support.certificates import Identity, show_certificate
from tests.support.doctor import Doctor
from tests.support.forward_proxy import ForwardProxy, forward_proxy
from tests.support.http_sink import http_sink
from tests.support.kube_api import kube_api, kubeconfig
from tests.support.openfaas import cloudevent, vcenter_event
from tests.support.processes import command, process, wait_for_line
from tests.support.pytag import log_in, pytag
from tests.support.pytag import settings as pytag_settings
from tests.support.recording_sink import recording_sink
from vcenter_functions.errors import SettingsError
from vcenter_functions.errors import VcenterUnavailableError as PytagUnavailableError
from vcenter_functions.login import Credentials
from vcenter_functions.net.proxies import is_bypassed
from vcenter_functions.net.tls import Authorities, create_client_context
from vcenter_functions.vcenter.transport import find_proxy as find_functions_proxy
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.envelope import Envelope, Fence
from vcenter_source.core.errors import (
    ConfigurationError,
    KubernetesForbiddenError,
    KubernetesUnavailableError,
    LeaseLostError,
    SinkAccessError,
    SinkUnavailableError,
    VcenterUnavailableError,
)
from vcenter_source.core.proxies import find_proxy, find_vcenter_proxy
from vcenter_source.settings.source import load
from vcenter_source.sinks import client as wire
from vcenter_source.state import kube
from vcenter_source.vcenter import stub
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.tags import open_tags
from vcenter_source.vcenter.vijson import http

UNAVAILABLE = (VcenterUnavailableError, PytagUnavailableError, SinkUnavailableError)
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
EVENT = cloudevent(vcenter_event("VmPoweredOnEvent"))
LOGIN = simulator_control.LOGIN | {"VCENTER_INSECURE": "true"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Simulator]:
    with run_simulator(tls=True) as one:
        yield one


@pytest.fixture
def proxy(environment: pytest.MonkeyPatch) -> Iterator[ForwardProxy]:
    """A proxy that both variables name, with its user and password."""
    with forward_proxy(account="us:er pass") as one:
        address = one.url.replace("//", "//us%3Aer:pass@").replace("us%3Aer:pass", "us:er%20pass")
        environment.setenv("HTTPS_PROXY", address)
        environment.setenv("HTTP_PROXY", address)
        yield one


# ---- NO_PROXY


@pytest.mark.parametrize(
    ("no_proxy", "host", "expected"),
    [
        ("", "vc.example.com", False),
        ("*", "vc.example.com", True),
        (" other.com , vc.example.com", "vc.example.com", True),
        ("example.com", "vc.example.com", True),
        (".example.com", "VC.Example.com", True),
        ("*.example.com", "vc.example.com", True),
        ("example.com", "vc-example.com", False),
        ("ample.com", "vc.example.com", False),
        ("vc.example.com:443", "vc.example.com", True),
        ("vc.example.com:8443", "vc.example.com", False),
        ("10.0.0.0/8", "10.96.0.1", True),
        ("10.1.2.3/8", "10.96.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "vc.example.com", False),
        ("10.96.0.1", "10.96.0.1", True),
        ("10.96.0.1:443", "10.96.0.1", True),
        ("fd00::/8", "fd00::5", True),
        ("fd00::/8", "fe80::5", False),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("[::1]:443", "::1", True),
        ("[::1]:8443", "::1", False),
        ("0:0:0::1", "::1", True),
        (",. ,*.,/8", "vc.example.com", False),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(no_proxy: str, host: str, *, expected: bool) -> None:
    assert is_bypassed(host, 443, no_proxy) is expected


def test_lower_case_wins_and_each_scheme_has_its_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "http://upper:1")
    assert str(find_proxy("https://a/")) == str(find_functions_proxy("https://a")) == "upper:1 (HTTPS_PROXY)"
    environment.setenv("https_proxy", "http://user:secret@[::1]")
    assert str(find_proxy("https://a/")) == str(find_functions_proxy("https://a")) == "[::1]:80 (https_proxy)"
    assert "secret" not in repr(find_proxy("https://a/")) + repr(find_functions_proxy("https://a"))
    assert find_proxy("http://a/") is None
    environment.setenv("HTTP_PROXY", "http://other:1")
    assert str(find_proxy("http://a/")) == "other:1 (HTTP_PROXY)"
    assert (find_vcenter_proxy("http://a/"), find_functions_proxy("http://a")) == (None, None)


# ---- what is no proxy's address

WRONG = {
    "user:secret@proxy:3128": "HTTPS_PROXY: 'proxy:3128' has no scheme; set http://proxy:3128",
    "socks5://user:secret@proxy:1080": "HTTPS_PROXY: a proxy by socks5:// cannot be used for vc.example.com; set an",
    "https://proxy": "HTTPS_PROXY: a proxy by https:// cannot be used for vc.example.com; set an http:// one",
    "http://": "HTTPS_PROXY: not a proxy's address; set http://host:port",
    "http://proxy:port": "HTTPS_PROXY: not a proxy's address; set http://host:port",
    "http://user:sec://ret@proxy:3128": "HTTPS_PROXY: not a proxy's address; set http://host:port",
    "http://user:12/secret@proxy:3128": "HTTPS_PROXY: not a proxy's address; set http://host:port",
    "http://user:12?secret@proxy:3128": "HTTPS_PROXY: not a proxy's address; set http://host:port",
    "user:sec://ret@proxy:3128/": "HTTPS_PROXY: 'proxy:3128' has no scheme; set http://proxy:3128",
    "//proxy:3128": "HTTPS_PROXY: 'proxy:3128' has no scheme; set http://proxy:3128",
}


@pytest.mark.parametrize("value", WRONG)
def test_what_cannot_be_used_is_refused_with_the_variables_name(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("HTTPS_PROXY", value)
    with pytest.raises(ConfigurationError) as adapter:
        find_vcenter_proxy("https://vc.example.com/sdk")
    with pytest.raises(SettingsError) as function:
        find_functions_proxy("https://vc.example.com")
    assert str(adapter.value) == str(function.value)
    assert str(adapter.value).startswith(WRONG[value])
    environment.setenv("NO_PROXY", "example.com")
    url = "https://vc.example.com/sdk"
    assert (find_vcenter_proxy(url), find_functions_proxy(url)) == (None, None)


def test_it_ends_a_start_in_one_line(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    socks = {"HTTPS_PROXY": "socks5://proxy:1080", "VCENTER_URL": "https://vc.example.com", **LOGIN}
    with process("vcenter_source", "run", "--sink", "-", **socks) as refused:
        _, said = refused.communicate(timeout=30)
    assert (refused.returncode, said.count("\n")) == (2, 1), said
    assert said.startswith("vcenter-source: HTTPS_PROXY: a proxy by socks5:// cannot be used for vc.example.com")
    with process("pytag", TAG="a/b", PORT="0", **socks) as refused:
        _, said = refused.communicate(timeout=30)
    assert (refused.returncode, said.count("\n")) == (2, 1), said
    assert said.startswith("pytag: HTTPS_PROXY: a proxy by socks5:// cannot be used for vc.example.com")


def test_it_is_a_setting_and_so_told_before_a_lease_is_asked_for(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "proxy:3128")
    for name, value in LOGIN.items():
        environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY: 'proxy:3128' has no scheme; set http://proxy:3128$"):
        load(VCENTER_URL="vc.example.com")


def test_the_sink_and_the_api_server_refuse_alike(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("HTTP_PROXY", "proxy:3128")
    with pytest.raises(ConfigurationError, match=r"^HTTP_PROXY: 'proxy:3128' has no scheme; set http://proxy:3128$"):
        send("http://sink.invalid/")
    with kube_api() as api:
        environment.setenv("KUBECONFIG", str(kubeconfig(tmp_path, api)))
        with pytest.raises(ConfigurationError, match=r"^HTTP_PROXY: 'proxy:3128' has no scheme"):
            kube.connect()
        environment.delenv("HTTP_PROXY")
        environment.setenv("ALL_PROXY", "socks5://proxy:1080")
        with pytest.raises(ConfigurationError, match=r"^ALL_PROXY: a proxy by socks5:// cannot be used for 127"):
            kube.connect()
        environment.setenv("NO_PROXY", "127.0.0.0/8")
        kube.connect()


# ---- through a proxy


def log_in_and_out(url: str, protocol: Protocol) -> None:
    credentials = Credentials(ADMINISTRATOR, SecretStr(PASSWORD))
    one = Session(url, lambda: credentials, Authorities(insecure=True), protocol=protocol)

    async def use() -> None:
        try:
            await one.log_in()
        finally:
            await one.log_out()

    asyncio.run(use())


def soap(url: str) -> None:
    log_in_and_out(url, "soap")


def vijson(url: str) -> None:
    log_in_and_out(url, "json")


def tags(url: str) -> None:
    with open_tags(url, Credentials(ADMINISTRATOR, SecretStr(PASSWORD)), create_client_context(insecure=True)) as found:
        found.categories()


def function(url: str) -> None:
    given = pytag_settings(url.removesuffix("/sdk"), VCENTER_INSECURE="true")
    log_in(given)


def send(url: str, fence: Fence = lambda: None, **options: Any) -> None:
    async def once() -> None:
        async with http_sink(url, **options) as sink:
            await sink.send(Envelope(EVENT, fence=fence))

    asyncio.run(once())


VCENTER_CLIENTS = [soap, vijson, tags, function]


@pytest.mark.parametrize("client", VCENTER_CLIENTS)
def test_vcenter_is_reached_through_the_proxy_which_sees_nothing(
    vcenter: Simulator, proxy: ForwardProxy, environment: pytest.MonkeyPatch, client: Callable[[str], None]
) -> None:
    proxy.hosts["vc.example.com"] = "127.0.0.1"  # a name that only the proxy can look up
    url = vcenter.url.replace("localhost", "vc.example.com").replace("127.0.0.1", "vc.example.com")
    client(url)
    port = url.rpartition(":")[2].partition("/")[0]
    assert set(proxy.requests) == {f"CONNECT vc.example.com:{port}"}
    assert ADMINISTRATOR.encode() not in proxy.sent
    environment.setenv("NO_PROXY", "127.0.0.0/8")
    asked = len(proxy.requests)
    client(f"https://127.0.0.1:{port}/sdk")
    assert len(proxy.requests) == asked


def test_an_ipv6_address_stands_in_brackets(proxy: ForwardProxy) -> None:
    proxy.refuses = 403
    with pytest.raises(VcenterUnavailableError):
        soap("https://[fd00::5]/sdk")
    assert proxy.requests == ["CONNECT [fd00::5]:443"]


def test_a_certificate_is_verified_behind_the_proxy_too(proxy: ForwardProxy, tmp_path: Path) -> None:
    root = Identity("root", ca=True)
    (tmp_path / "ca.pem").write_bytes(root.pem)
    credentials = Credentials(ADMINISTRATOR, SecretStr(PASSWORD))
    with show_certificate(Identity("server", root, names=("vc.example.com",)).files(tmp_path)) as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(Exception, match="is for another name"):
            asyncio.run(Session(f"{url}/sdk", lambda: credentials, Authorities(tmp_path / "ca.pem")).log_in())
        with pytag(url, VCENTER_CA_FILE=str(tmp_path / "ca.pem")) as function:
            assert "is for another name" in function.get("/readyz").text
    assert set(proxy.requests) == {f"CONNECT 127.0.0.1:{port}"}


def test_the_fence_stands_behind_the_way_through_the_proxy(proxy: ForwardProxy, tmp_path: Path) -> None:
    root, asked = Identity("root", ca=True), list[list[str]]()

    def fence() -> None:
        asked.append(list(proxy.requests))
        raise LeaseLostError("another has it")

    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "ca.pem").write_bytes(root.pem)
    with show_certificate(Identity("server", root).files(tmp_path)) as port, pytest.raises(LeaseLostError):
        send(f"https://127.0.0.1:{port}/", fence=fence, bundles=tmp_path / "bundles")
    assert asked == [[f"CONNECT 127.0.0.1:{port}"]]


def test_run_and_tagged_go_through_it_and_say_so(vcenter: Simulator, proxy: ForwardProxy) -> None:
    given = {"VCENTER_URL": vcenter.url, "START_FROM": "beginning", "NO_PROXY": "sink.invalid", **LOGIN}
    httpx.post(f"{vcenter.base}/simulator/events", json={"count": 1}, verify=False, trust_env=False).raise_for_status()
    given |= {"HTTPS_PROXY": os.environ["HTTPS_PROXY"], "HTTP_PROXY": ""}
    with recording_sink() as sink, process("vcenter_source", "run", K_SINK=sink.url, **given) as run:
        line = wait_for_line(run, "vCenter is reached through a proxy")
        assert f"127.0.0.1:{proxy.port} (HTTPS_PROXY)" in line
        assert "pass" not in line
        sink.take()
    done = command("tagged", "no/such", **given)
    assert "has no category no that this account may see" in done.stderr
    assert len(proxy.requests) >= 3


# ---- what the proxy itself answers


@pytest.mark.parametrize("status", [407, 403, 502, 503])
@pytest.mark.parametrize("client", [*VCENTER_CLIENTS, send])
def test_a_proxys_own_answer_names_the_proxy(proxy: ForwardProxy, status: int, client: Callable[[str], None]) -> None:
    proxy.refuses = status
    expected = rf"the proxy 127\.0\.0\.1:{proxy.port} \(HTTPS_PROXY\) answers {status}"
    with pytest.raises(UNAVAILABLE, match=expected) as failed:
        client("https://vc.example.com/sdk")
    assert "er pass" not in str(failed.value)
    assert "check VCENTER_URL" not in str(failed.value)


def test_by_plain_http_its_403_is_told_as_what_it_may_be(proxy: ForwardProxy) -> None:
    proxy.refuses = 403
    with pytest.raises(
        SinkAccessError, match=rf"answers 403 .*\(it, or the proxy 127\.0\.0\.1:{proxy.port} \(HTTP_PROXY\)"
    ):
        send("http://broker.invalid/")


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("token", ["", "a.b.c"])
def test_a_sink_that_asks_for_a_password_is_given_it_unless_there_is_a_token(
    environment: pytest.MonkeyPatch, tmp_path: Path, token: str, *, through: bool
) -> None:
    if token:
        (tmp_path / "token").write_text(token)
    with forward_proxy(account="ü:p€") as one, recording_sink() as sink:
        if through:
            environment.setenv("HTTP_PROXY", one.url.replace("//", "//%C3%BC:p%E2%82%AC@"))
        send(sink.url.replace("//", "//us:p%E2%82%AC@"), token_file=tmp_path / "token")
        assert len(one.requests) == through
    expected = f"Bearer {token}" if token else f"Basic {b64encode('us:p€'.encode()).decode()}"
    assert sink.requests[0].headers["authorization"] == expected


@pytest.mark.parametrize("status", [407, 502, 503])
def test_by_plain_http_too_no_event_is_lost_to_it(proxy: ForwardProxy, status: int) -> None:
    proxy.refuses = status
    with pytest.raises(SinkUnavailableError, match=rf"proxy 127\.0\.0\.1:{proxy.port} \(HTTP_PROXY\)"):
        send("http://broker.invalid/")
    assert proxy.requests == ["POST http://broker.invalid/"]


@pytest.mark.parametrize(
    ("status", "kind"), [(407, SinkAccessError), (403, SinkAccessError), (502, SinkUnavailableError)]
)
def test_a_proxy_that_lets_nobody_through_turns_events_away(proxy: ForwardProxy, status: int, kind: type) -> None:
    proxy.refuses = status
    for address in ("https://broker.invalid/", "http://broker.invalid/"):
        with pytest.raises(SinkUnavailableError) as failed:
            send(address)
        assert type(failed.value) is kind


@pytest.mark.parametrize("client", [*VCENTER_CLIENTS, send])
def test_a_proxy_that_is_not_there_is_named(environment: pytest.MonkeyPatch, client: Callable[[str], None]) -> None:
    environment.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(UNAVAILABLE, match=r"the proxy 127\.0\.0\.1:1 \(HTTPS_PROXY\)"):
        client("https://vc.example.com/sdk")


@pytest.mark.parametrize("client", [soap, vijson, function, send])
def test_a_proxy_that_gives_no_answer_is_named(environment: pytest.MonkeyPatch, client: Callable[[str], None]) -> None:
    environment.setattr(stub, "CONNECT_TIMEOUT", 0.3)
    environment.setattr(http, "CONNECT_TIMEOUT", 0.3)
    environment.setattr(wire, "CONNECT_TIMEOUT", 0.3)
    environment.setenv("TIMEOUT", "0.3")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UNAVAILABLE, match=rf"the proxy 127\.0\.0\.1:{silent.getsockname()[1]} \(HTTPS_PROXY\)"):
            client("https://vc.example.com/sdk")


def test_no_proxy_in_cidr_form_counts_for_the_sink(proxy: ForwardProxy, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NO_PROXY", "127.0.0.0/8")
    with recording_sink() as sink:
        send(sink.url)
        assert proxy.requests == []
        environment.setenv("NO_PROXY", "10.0.0.0/8")
        send(sink.url)
        assert proxy.requests == [f"POST {sink.url}"]
        assert len(sink.requests) == 2
        assert "proxy-authorization" not in sink.requests[0].headers


def test_a_proxys_403_is_not_a_lack_of_rbac(
    proxy: ForwardProxy, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with kube_api() as api:
        environment.setenv("KUBECONFIG", str(kubeconfig(tmp_path, api)))
        stored = kube.connect().locate(kube.CONFIG_MAP, "checkpoint", "CHECKPOINT")
        assert stored.read() is None
        proxy.refuses = 403
        with pytest.raises(KubernetesUnavailableError, match=rf"through the proxy 127\.0\.0\.1:{proxy.port} \(HTTP_P"):
            stored.read()
        proxy.refuses = None
        api.denied.add(("get", "configmaps"))
        with pytest.raises(KubernetesForbiddenError, match="a Role must allow"):
            stored.read()


def test_a_403_to_connect_is_not_one_either(
    proxy: ForwardProxy, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with kube_api() as api:
        path = kubeconfig(tmp_path, api)
        path.write_text(path.read_text().replace("http://", "https://"))
        environment.setenv("KUBECONFIG", str(path))
        proxy.refuses = 403
        expected = rf"through the proxy 127\.0\.0\.1:{proxy.port} \(HTTPS_PROXY\): .*403 Forbidden"
        with pytest.raises(KubernetesUnavailableError, match=expected):
            kube.connect().locate(kube.CONFIG_MAP, "checkpoint", "CHECKPOINT").read()


# ---- doctor


def test_doctor_goes_through_the_proxy(
    vcenter: Simulator, proxy: ForwardProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.hosts["vc.example.com"] = "127.0.0.1"
    url = vcenter.url.replace("localhost", "vc.example.com").replace("127.0.0.1", "vc.example.com")
    examined = Doctor(capsys, {"VCENTER_URL": url, "K_SINK": "-", **LOGIN})()
    assert examined.status("vcenter proxy tcp") == "ok"
    assert "certificate for localhost" in examined.found("vcenter tls")
    assert examined.status("vcenter login") == "ok"
    proxy.refuses = 407
    refused = Doctor(capsys, {"VCENTER_URL": url, "K_SINK": "https://sink.invalid", **LOGIN})()
    assert refused.of("failed") == ["vcenter tls", "sink tls"]
    for area, variable in (("vcenter", "HTTPS_PROXY"), ("sink", "HTTPS_PROXY")):
        assert f"({variable}) answers 407" in refused.found(f"{area} tls")
        assert variable in refused.advice(f"{area} tls")


def test_the_openfaas_gateway_is_looked_at_directly_as_it_is_asked(
    environment: pytest.MonkeyPatch, vcenter: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with recording_sink() as sink:
        examined = Doctor(capsys, {"VCENTER_URL": vcenter.url, "K_SINK": f"openfaas+{sink.url}", **LOGIN})()
    assert examined.status("sink tcp") == "ok"
