"""The doctor on certificates: which one is shown, why it is refused, and what that is mended by."""

import hashlib
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.certificates import show_certificate
from tests.support.doctor import Doctor, run_vcenter
from vcenter_simulator.server import Simulator

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls") / "ca.pem"


@pytest.fixture(scope="module")
def simulator(ca_file: Path) -> Iterator[Simulator]:
    with run_vcenter(tls=True, trust_cert=ca_file) as one:
        yield one


def make(path: Path, *names: str, begins: datetime = NOW - YEAR, ends: datetime = NOW + YEAR) -> Path:
    """A self-signed certificate with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the authority")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    alternatives: list[x509.GeneralName] = [x509.DNSName(each) for each in names] or [address]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, pkcs8, plain))
    return path


def test_a_trusted_certificate_is_shown_with_all_that_people_compare(
    doctor: Doctor, simulator: Simulator, ca_file: Path
) -> None:
    examined = doctor(VCENTER_CA_FILE=str(ca_file))
    assert examined.good
    assert examined.status("vcenter tls") == "ok"
    der = ssl.PEM_cert_to_DER_cert(ca_file.read_text())
    found = examined.found("vcenter tls")
    details = examined.findings["vcenter tls"]["details"]
    assert details["sha1"] == hashlib.sha1(der).digest().hex(":").upper()
    assert details["sha256"] == hashlib.sha256(der).digest().hex(":").upper()
    assert details["sha1"] in found
    assert details["sha256"] in found
    assert details["names"][:2] == ["localhost", "127.0.0.1"]
    assert details["issuer"] == "vCenter simulator"
    days = datetime.fromisoformat(details["expires"]) - NOW
    assert timedelta(days=29) < days < timedelta(days=31)


def test_an_untrusted_certificate_ends_it_before_the_password_is_sent(doctor: Doctor, simulator: Simulator) -> None:
    before = simulator.vcenter.requests.total()
    examined = doctor()
    assert examined.of("failed") == ["vcenter tls"]
    assert examined.found("vcenter tls").startswith("self-signed certificate: certificate for localhost")
    assert "VCENTER_CA_FILE" in examined.advice("vcenter tls")
    assert "thumbprint" in examined.advice("vcenter tls")
    assert examined.findings["vcenter tls"]["details"]["sha1"].count(":") == 19
    assert simulator.vcenter.requests.total() == before


def test_another_authority_is_not_enough(doctor: Doctor, tmp_path: Path) -> None:
    examined = doctor(VCENTER_CA_FILE=str(make(tmp_path / "other.pem", "localhost")))
    assert examined.of("failed") == ["vcenter tls"]


def test_insecure_is_a_warning_and_goes_on(doctor: Doctor) -> None:
    examined = doctor(VCENTER_INSECURE="true")
    assert examined.good
    assert examined.status("vcenter tls") == "warning"
    assert "accepts any certificate (self-signed certificate)" in examined.found("vcenter tls")
    assert "VCENTER_CA_FILE" in examined.advice("vcenter tls")
    assert examined.status("vcenter login") == "ok"


def test_insecure_that_is_not_needed_is_to_be_unset(doctor: Doctor, ca_file: Path) -> None:
    examined = doctor(VCENTER_INSECURE="true", VCENTER_CA_FILE=str(ca_file))
    assert "this one is trusted" in examined.found("vcenter tls")
    assert examined.advice("vcenter tls") == "unset VCENTER_INSECURE"


def test_a_certificate_for_another_name(doctor: Doctor, tmp_path: Path) -> None:
    file = make(tmp_path / "server.pem", "vcenter.example.com", "vc.example.com")
    with show_certificate(file) as port:
        for host in ("localhost", "127.0.0.1"):
            examined = doctor(VCENTER_URL=f"https://{host}:{port}/sdk", VCENTER_CA_FILE=str(file))
            assert examined.of("failed") == ["vcenter tls"]
            assert "mismatch" in examined.found("vcenter tls")
            assert "VCENTER_URL" in examined.advice("vcenter tls")
            assert "vcenter.example.com, vc.example.com" in examined.advice("vcenter tls")


@pytest.mark.parametrize(
    ("begins", "ends", "says"),
    [
        (NOW - YEAR, NOW - timedelta(days=1), ("failed", "expired", "renew")),
        (NOW + timedelta(days=1), NOW + YEAR, ("failed", "not yet valid", "clock")),
        (NOW - YEAR, NOW + timedelta(days=3), ("warning", "expires soon", "renew")),
    ],
    ids=["expired", "not yet", "soon"],
)
def test_a_certificate_out_of_its_time(
    doctor: Doctor, tmp_path: Path, begins: datetime, ends: datetime, says: tuple[str, str, str]
) -> None:
    status, words, advice = says
    file = make(tmp_path / "server.pem", begins=begins, ends=ends)
    with show_certificate(file) as port:
        examined = doctor(VCENTER_URL=f"https://127.0.0.1:{port}/sdk", VCENTER_CA_FILE=str(file))
    assert examined.status("vcenter tls") == status
    assert words in examined.found("vcenter tls")
    assert f"until {ends.date().isoformat()}" in examined.found("vcenter tls")
    assert advice in examined.advice("vcenter tls")


def test_a_sink_with_an_authority_of_its_own(doctor: Doctor, tmp_path: Path) -> None:
    file = make(tmp_path / "sink.pem")
    with show_certificate(file) as port:
        url = f"https://127.0.0.1:{port}/"
        refused = doctor(K_SINK=url, VCENTER_INSECURE="true")
        trusted = doctor(K_SINK=url, VCENTER_INSECURE="true", K_CA_CERTS=file.read_text().partition("-----BEGIN PR")[0])
    assert refused.of("failed") == ["sink tls"]
    assert "K_CA_CERTS" in refused.advice("sink tls")
    assert trusted.status("sink tls") == "ok"


def test_a_port_that_does_not_speak_tls(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    with run_vcenter() as plain:
        examined = doctor(VCENTER_URL=plain.url.replace("http:", "https:"))
    assert examined.of("failed") == ["vcenter tls"]
    assert "no TLS on port" in examined.found("vcenter tls")
    assert "VCENTER_URL" in examined.advice("vcenter tls")
