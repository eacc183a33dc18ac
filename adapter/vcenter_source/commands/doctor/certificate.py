"""The certificate that a server shows, whether it is trusted or not."""

import hashlib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vcenter_functions.net.proxies import Proxy
from vcenter_source.core.proxies import open_tunnel

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which Python has no name for."""

PATIENCE = 3.0
"""Seconds that a server may take for one step of a connection."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens, as ``getaddrinfo`` says, and the name that it is asked for by.

    With a ``proxy`` that leads there, the address is the name and the port: it is the proxy that looks the name up.
    """

    host: str
    address: tuple[Any, ...]
    proxy: Proxy | None = None

    def connect(self) -> socket.socket:
        """Connect to it. Raises OSError."""
        if self.proxy is not None:
            return open_tunnel(self.proxy, self.host, self.address[1], PATIENCE)
        return socket.create_connection(self.address[:2], PATIENCE)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What people compare. ``names`` and ``issuer`` are empty, and ``expires`` is None, where it cannot be read."""

    sha1: str
    sha256: str
    names: tuple[str, ...] = ()
    issuer: str = ""
    expires: datetime | None = None

    def __str__(self) -> str:
        until = self.expires.date().isoformat() if self.expires else "?"
        names = ", ".join(self.names) or "no name"
        thumbprints = f"SHA-1 {self.sha1}, SHA-256 {self.sha256}"
        return f"certificate for {names}, issued by {self.issuer or '?'}, until {until}, {thumbprints}"

    @property
    def details(self) -> dict[str, Any]:
        """The same for a program."""
        expires = self.expires.isoformat() if self.expires else None
        return {
            "names": list(self.names),
            "issuer": self.issuer,
            "expires": expires,
            "sha1": self.sha1,
            "sha256": self.sha256,
        }


def shown_by(server: Server) -> Certificate:
    """Its certificate. Python decodes none that it has not verified, so a second handshake trusts exactly this one.

    Raises OSError, and ssl.SSLError where the server does not speak TLS.
    """
    der, _ = handshake(server, anything())
    fields: dict[str, Any] = {}
    with suppress(OSError):  # such as a certificate that is not for servers: its thumbprint is what is left to show
        _, fields = handshake(server, only(der))
    return certificate(der, fields)


def handshake(server: Server, context: ssl.SSLContext) -> tuple[bytes, dict[str, Any]]:
    """Connect by TLS: the certificate as DER, and as a dict where ``context`` verifies it."""
    with (
        server.connect() as plain,
        context.wrap_socket(plain, server_hostname=server.host) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b"", tls.getpeercert() or {}


def anything() -> ssl.SSLContext:
    """Trusts whatever is shown, to look at it; nothing is ever sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def only(der: bytes) -> ssl.SSLContext:
    """Trusts this one certificate, whoever signed it, for whatever name, and however old."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    context.load_verify_locations(cadata=der)
    return context


def certificate(der: bytes, fields: dict[str, Any]) -> Certificate:
    """The certificate with what ``getpeercert`` says of it."""
    expires = fields.get("notAfter")
    return Certificate(
        sha1=thumbprint(hashlib.sha1(der, usedforsecurity=False).digest()),
        sha256=thumbprint(hashlib.sha256(der).digest()),
        names=tuple(str(value) for _, value in fields.get("subjectAltName", ())),
        issuer=distinguished(fields.get("issuer", ())),
        expires=datetime.fromtimestamp(ssl.cert_time_to_seconds(expires), UTC) if expires else None,
    )


def thumbprint(digest: bytes) -> str:
    """As vCenter shows it: ``AB:CD:…``."""
    return digest.hex(":").upper()


def distinguished(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A distinguished name in one line: its common name, else all of it."""
    parts = [pair for group in name for pair in group]
    common = [value for key, value in parts if key == "commonName"]
    return common[-1] if common else ", ".join(f"{key}={value}" for key, value in parts)
