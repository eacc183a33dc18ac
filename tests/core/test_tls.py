"""Whose certificate is accepted, on any Python alike, by all that speak TLS; and what is said of the others."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cloudevents.core.bindings.http import HTTPMessage
from pydantic import SecretStr
from structlog.testing import capture_logs

from tests.support.certificates import CASES, Case, Identity, make_case, mount, show_certificate
from tests.support.http_sink import http_sink
from tests.support.kube_api import kube_api, kubeconfig
from tests.support.openfaas import cloudevent, vcenter_event
from tests.support.processes import process, wait_for_line
from tests.support.pytag import log_in, pytag
from tests.support.pytag import settings as pytag_settings
from tests.support.recording_sink import recording_sink
from vcenter_functions import errors as pytag_errors
from vcenter_functions.login import Credentials
from vcenter_functions.net.tls import Authorities, create_client_context
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.commands.doctor import checks, endpoint
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import (
    CertificateError,
    KubernetesUnavailableError,
    SinkUnavailableError,
    VcenterUnavailableError,
)
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.sinks.openfaas.gateway import Gateway, gateway_client
from vcenter_source.sinks.trust_bundle import TrustBundle
from vcenter_source.state import kube
from vcenter_source.vcenter.session import Session

EVENT = cloudevent(vcenter_event("VmPoweredOnEvent"))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {name: make_case(name, tmp_path_factory.mktemp("case")) for name in CASES}


def session(url: str, file: Path, protocol: Protocol) -> Session:
    credentials = Credentials(ADMINISTRATOR, SecretStr(PASSWORD))
    return Session(url, lambda: credentials, Authorities(file), protocol=protocol)


def soap(port: int, file: Path) -> None:
    asyncio.run(session(f"https://127.0.0.1:{port}/sdk", file, "soap").log_in())


def vijson(port: int, file: Path) -> None:
    asyncio.run(session(f"https://127.0.0.1:{port}/sdk", file, "json").log_in())


def rest(port: int, file: Path) -> None:
    given = pytag_settings(f"https://127.0.0.1:{port}", VCENTER_CA_FILE=str(file))
    log_in(given)


def sink(port: int, file: Path) -> None:
    async def send(**trust: Any) -> None:
        async with http_sink(f"https://127.0.0.1:{port}/", **trust) as one:
            await one.send(Envelope(EVENT))

    asyncio.run(send(ca_certs=file.read_text()))


def bundle(port: int, file: Path) -> None:
    async def send() -> None:
        async with http_sink(f"https://127.0.0.1:{port}/", bundles=file.parent) as one:
            await one.send(Envelope(EVENT))

    asyncio.run(send())


def at_gateway(port: int, file: Path, do: Callable[[Gateway], Any]) -> None:
    given = {"OPENFAAS_URL": f"https://127.0.0.1:{port}", "K_CA_CERTS": file.read_text()}

    async def ask() -> None:
        async with gateway_client(GatewaySettings.model_validate(given)) as gateway:
            await do(gateway)

    asyncio.run(ask())


def lists(port: int, file: Path) -> None:
    at_gateway(port, file, lambda gateway: gateway.read_topic_map())


def invocations(port: int, file: Path) -> None:
    async def invoke(gateway: Gateway) -> None:
        message = HTTPMessage({}, b"{}")
        with gateway.invoke(Envelope(EVENT), "f", "/function/f", message, gateway.map_error) as exchange:
            await exchange.send()

    at_gateway(port, file, invoke)


CLIENTS = [soap, vijson, rest, sink, bundle, lists, invocations]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", CASES)
def test_every_client_judges_a_certificate_alike(
    cases: dict[str, Case], tmp_path: Path, name: str, client: Callable[[int, Path], None]
) -> None:
    case, trusted = cases[name], tmp_path / "trusted.pem"
    trusted.write_bytes(case.trusted)
    with show_certificate(case.server) as port, pytest.raises(Exception, match=r".") as caught:
        client(port, trusted)
    assert isinstance(caught.value, FAILURES), "the server hangs up where its certificate is accepted"
    assert code_of(caught.value) == case.error


FAILURES = (CertificateError, VcenterUnavailableError, SinkUnavailableError, pytag_errors.VcenterUnavailableError)


def code_of(exc: BaseException | None) -> int:
    """OpenSSL's error for the certificate; 0 for any other failure."""
    while exc is not None and not hasattr(exc, "verify_code"):  # aiohttp has an SSLCertVerificationError without it
        exc = exc.__cause__ or exc.__context__
    return getattr(exc, "verify_code", 0)


@pytest.mark.parametrize("name", CASES)
def test_doctor_judges_alike(cases: dict[str, Case], tmp_path: Path, name: str) -> None:
    case, trusted = cases[name], tmp_path / "trusted.pem"
    trusted.write_bytes(case.trusted)
    plain = checks.ok("http")

    async def verify(port: int, context: Callable[[], ssl.SSLContext]) -> checks.CheckResult:
        one = endpoint.Endpoint(
            f"https://127.0.0.1:{port}/", "VCENTER_URL", endpoint.TrustPolicy(context, "trust it"), plain
        )
        await one.resolve()
        return await one.verify()

    with show_certificate(case.server) as port:
        for context in (Authorities(trusted).context, TrustBundle(case.trusted.decode(), tmp_path / "none").context):
            outcome = asyncio.run(verify(port, context))
            assert outcome.status == ("failed" if case.error else "ok"), outcome


def test_every_context_has_the_same_flags(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(Identity("root", ca=True).pem)
    for context in (create_client_context(), create_client_context(ca_file), Authorities(ca_file).context()):
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    assert create_client_context(insecure=True).verify_mode == ssl.CERT_NONE


def test_what_is_trusted_alike_shares_a_context(tmp_path: Path) -> None:
    """A hundred vCenters would take 80 MB otherwise, and three seconds."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(Identity("root", ca=True).pem)
    one, same = Authorities(ca_file), Authorities(ca_file)
    assert one.context() is same.context()
    others = [Authorities(), Authorities(ca_file, insecure=True)]
    assert len({id(each.context()) for each in (one, *others)}) == 3
    ca_file.write_bytes(Identity("second", ca=True).pem)
    assert one.context() is same.context()
    assert ours(one.context()) == {"second"}


ADVICE = {
    "another authority": (r"its certificate is not trusted \(unable to get local issuer", "VCENTER_CA_FILE"),
    "expired": (r"its certificate has expired \(certificate has expired\)", "renew the server's certificate"),
    "not yet valid": (r"its certificate is not valid yet", "correct the clock"),
    "for another name": (r"its certificate is for another name \(.*mismatch", "set VCENTER_URL to a name"),
}


@pytest.mark.parametrize("client", [soap, rest])
@pytest.mark.parametrize("name", ADVICE)
def test_the_advice_is_for_what_is_wrong(
    cases: dict[str, Case], tmp_path: Path, name: str, client: Callable[[int, Path], None]
) -> None:
    case, trusted = cases[name], tmp_path / "trusted.pem"
    trusted.write_bytes(case.trusted)
    words, advice = ADVICE[name]
    with show_certificate(case.server) as port, pytest.raises(FAILURES, match=f"{words}.*; .*{advice}") as caught:
        client(port, trusted)
    assert ("VCENTER_CA_FILE" in str(caught.value)) == (name == "another authority")


# ---- VCENTER_CA_FILE that is replaced


def test_a_replaced_file_is_read_again_and_one_that_cannot_be_read_keeps_the_old(tmp_path: Path) -> None:
    first, second = Identity("first", ca=True).pem, Identity("second", ca=True).pem
    volume = tmp_path / "volume"
    mount(volume, "..1", ca=first)
    authorities = Authorities(volume / "ca.pem")
    one = authorities.context()
    assert authorities.context() is one
    assert ours(one) == {"first"}
    mount(volume, "..2", ca=second)
    with capture_logs() as logs:
        two = authorities.context()
        assert authorities.context() is two is not one
        assert ours(two) == {"second"}
        mount(volume, "..3", ca=b"half of it")
        assert authorities.context() is authorities.context() is two
        (volume / "..data").unlink()
        assert authorities.context() is two
        mount(volume, "..4", ca=first)
        assert authorities.context() is not two
    assert [each["log_level"] for each in logs] == ["info", "warning", "info"]
    assert "VCENTER_CA_FILE" in logs[1]["event"]


def ours(context: ssl.SSLContext) -> set[str]:
    """Which of our authorities it trusts, beside the system's."""
    return {
        name for name in ("first", "second") if any(name in str(each["subject"]) for each in context.get_ca_certs())
    }


@pytest.mark.parametrize("protocol", ["soap", "json"])
def test_a_running_session_follows_a_replaced_authority(tmp_path: Path, protocol: Protocol) -> None:
    async def use(url: str, volume: Path, right: bytes) -> None:
        reader = session(url, volume / "ca.pem", protocol)
        await reader.log_in()
        mount(volume, "..2", ca=Identity("other", ca=True).pem)
        with pytest.raises(CertificateError, match="VCENTER_CA_FILE"):
            await reader.ensure()
        mount(volume, "..3", ca=right)
        await reader.ensure()
        await reader.log_out()

    with run_simulator(tls=True, trust_cert=tmp_path / "right.pem") as vcenter:
        volume, right = tmp_path / "volume", (tmp_path / "right.pem").read_bytes()
        mount(volume, "..1", ca=right)
        asyncio.run(use(vcenter.url, volume, right))


def test_run_follows_a_replaced_authority_and_loses_nothing(tmp_path: Path) -> None:
    with run_simulator(tls=True, trust_cert=tmp_path / "right.pem") as vcenter, recording_sink() as sink:
        volume, right = tmp_path / "volume", (tmp_path / "right.pem").read_bytes()
        mount(volume, "..1", ca=right)
        given = {"VCENTER_URL": vcenter.url, "VCENTER_CA_FILE": str(volume / "ca.pem"), "RETRY_MAX_DELAY": "0.2"}
        login = {"VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD, "START_FROM": "beginning"}
        with process("vcenter_source", "run", K_SINK=sink.url, **given, **login) as adapter:
            post_event(vcenter)
            sink.take()
            mount(volume, "..2", ca=Identity("other", ca=True).pem)
            post_event(vcenter)
            assert "its certificate is not trusted" in wait_for_line(adapter, "reading failed, trying again")
            mount(volume, "..3", ca=right)
            sink.take()


def post_event(vcenter: Simulator) -> None:
    httpx.post(f"{vcenter.base}/simulator/events", json={"count": 1}, verify=False).raise_for_status()


def test_pytag_follows_a_replaced_authority(tmp_path: Path) -> None:
    with run_simulator(tls=True, trust_cert=tmp_path / "right.pem") as vcenter:
        volume, right = tmp_path / "volume", (tmp_path / "right.pem").read_bytes()
        other = Identity("other", ca=True).pem
        mount(volume, "..1", ca=other)
        with pytag(vcenter.base, VCENTER_CA_FILE=str(volume / "ca.pem")) as client:
            answers = [client.get("/readyz")]
            for number, content in enumerate((right, other, right), start=2):
                mount(volume, f"..{number}", ca=content)
                answers.append(client.get("/readyz"))
    assert [answer.status_code for answer in answers] == [503, 200, 503, 200]
    assert "VCENTER_CA_FILE" in answers[0].text


@pytest.mark.parametrize("name", CASES)
def test_the_api_server_is_judged_alike(
    cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = cases[name]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(case.server)
    with kube_api(tls) as api:
        config = yaml.safe_load(kubeconfig(tmp_path, api).read_text())
        authority = base64.b64encode(case.trusted).decode()
        config["clusters"][0]["cluster"] = {"server": api.url, "certificate-authority-data": authority}
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        cluster = kube.connect()
        stored = cluster.locate(kube.CONFIG_MAP, "checkpoint", "CHECKPOINT")
        if case.error:
            with pytest.raises(KubernetesUnavailableError, match="certificate verify failed"):
                stored.read()
        else:
            assert stored.read() is None
        cluster._client.close()  # or the server waits for the end of TLS
