"""Certificates as vCenters and company authorities make them, and a server that shows one."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

YEAR = timedelta(days=365)
DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM


@dataclass
class Identity:
    """A certificate with its key. Without an ``issuer`` it is self-signed.

    ``critical`` marks an authority's Basic Constraints; ``aki`` adds the Authority Key Identifier.
    """

    name: str
    issuer: "Identity | None" = None
    ca: bool = False
    critical: bool = True
    aki: bool = True
    names: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    begins: timedelta = -YEAR
    ends: timedelta = YEAR
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        signer, now = self.issuer or self, datetime.now(UTC)
        public, authority = self.key.public_key(), signer.key.public_key()
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority)
        between = (now + self.begins, now + self.ends)
        builder = x509.CertificateBuilder(
            _named(signer.name), _named(self.name), public, x509.random_serial_number(), *between
        ).add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        if self.ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=self.critical)
            builder = builder.add_extension(_signs_certificates(), critical=True)
        else:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(list(_alternatives(self.names))), critical=False
            )
        if self.aki and self.issuer:
            builder = builder.add_extension(identifier, critical=False)
        self.pem = builder.sign(signer.key, hashes.SHA256()).public_bytes(PEM)

    def files(self, folder: Path, *chain: "Identity") -> Path:
        """Write the certificate with its key and the ``chain`` of those who signed it, as a server loads them."""
        plain = serialization.NoEncryption()
        key = self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain)
        path = folder / f"{self.name}.pem"
        path.write_bytes(self.pem + b"".join(each.pem for each in chain) + key)
        return path


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternatives(names: tuple[str, ...]) -> Iterator[x509.GeneralName]:
    for name in names:
        try:
            yield x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            yield x509.DNSName(name)


def _signs_certificates() -> x509.KeyUsage:
    others = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    fields = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **fields)


@dataclass(frozen=True)
class Case:
    """What a server shows, what is trusted (PEM), and the OpenSSL error that this ends in; 0 where it is accepted."""

    server: Path
    trusted: bytes
    error: int = 0


CASES = {
    "as it should be": 0,
    "no authority key identifier": 0,
    "basic constraints not critical": 0,
    "an intermediate is what is trusted": 0,
    "the server's own is what is trusted": 0,
    "another authority": 20,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    "expired": 10,  # X509_V_ERR_CERT_HAS_EXPIRED
    "not yet valid": 9,  # X509_V_ERR_CERT_NOT_YET_VALID
    "for another name": 64,  # X509_V_ERR_IP_ADDRESS_MISMATCH
}
"""The names of the cases, and their error."""


def make_case(name: str, folder: Path) -> Case:
    """A server at 127.0.0.1 and a trusted file, of the case with this name."""
    root = Identity("root", ca=True, critical=name != "basic constraints not critical")
    middle = Identity("middle", root, ca=True)
    signer, chain = (middle, (middle,)) if "intermediate" in name else (root, ())
    server = Identity(
        "server",
        signer,
        aki=name != "no authority key identifier",
        names=("vcenter.example.com",) if name == "for another name" else ("localhost", "127.0.0.1", "::1"),
        begins=DAY if name == "not yet valid" else -YEAR,
        ends=-DAY if name == "expired" else YEAR,
    )
    trusted = {
        "an intermediate is what is trusted": middle,
        "the server's own is what is trusted": server,
        "another authority": Identity("other", ca=True),
    }.get(name, root)
    return Case(server.files(folder, *chain), trusted.pem, CASES[name])


@contextmanager
def show_certificate(file: Path) -> Iterator[int]:
    """A TLS server that shows this certificate and hangs up after the first bytes. Gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def mount(volume: Path, revision: str, **files: bytes) -> None:
    """What kubelet does to a projected volume: a new folder, and the link ``..data`` turned to it at once."""
    (volume / revision).mkdir(parents=True)
    for name, content in files.items():
        (volume / revision / f"{name}.pem").write_bytes(content)
        if not (volume / f"{name}.pem").is_symlink():
            (volume / f"{name}.pem").symlink_to(f"..data/{name}.pem")
    (volume / "..new").symlink_to(revision)
    (volume / "..new").rename(volume / "..data")
    for link in volume.glob("*.pem"):
        if not link.exists():
            link.unlink()
