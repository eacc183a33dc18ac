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

SERVER_TIMEOUT = 3.0
"""Seconds that a server may take for one step of a connection."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server listens, as ``getaddrinfo`` returns it, and the name that it is asked for.

    With a ``proxy`` the address is the name and the port: the proxy looks the name up.
    """

    host: str
    address: tuple[Any, ...]
    proxy: Proxy | None = None

    def connect(self) -> socket.socket:
        """Connect to it. Raises OSError."""
        if self.proxy is not None:
            return open_tunnel(self.proxy, self.host, self.address[1], SERVER_TIMEOUT)
        return socket.create_connection(self.address[:2], SERVER_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What people compare. ``names`` and ``issuer`` are empty, ``expires`` is None, where they cannot be read."""

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
        """The same as values for a program."""
        expires = self.expires.isoformat() if self.expires else None
        return {
            "names": list(self.names),
            "issuer": self.issuer,
            "expires": expires,
            "sha1": self.sha1,
            "sha256": self.sha256,
        }


def fetch_certificate(server: Server) -> Certificate:
    """Fetch the server's certificate, trusted or not.

    Python decodes only verified certificates, so a second handshake trusts exactly this one. Raises OSError, and
    ssl.SSLError where the server does not speak TLS.
    """
    der, _ = connect_tls(server, trust_anything())
    fields: dict[str, Any] = {}
    with suppress(OSError):  # a certificate that is not for servers, say: only its thumbprint can be shown
        _, fields = connect_tls(server, trust_only(der))
    return parse_certificate(der, fields)


def connect_tls(server: Server, context: ssl.SSLContext) -> tuple[bytes, dict[str, Any]]:
    """Connect by TLS; return the certificate as DER, and as a dict where ``context`` verifies it. Raises OSError."""
    with (
        server.connect() as plain,
        context.wrap_socket(plain, server_hostname=server.host) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b"", tls.getpeercert() or {}


def trust_anything() -> ssl.SSLContext:
    """Return a context that trusts any certificate, to look at it; nothing is ever sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def trust_only(der: bytes) -> ssl.SSLContext:
    """Return a context that trusts this one certificate, with any signer, name and age."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    context.load_verify_locations(cadata=der)
    return context


def parse_certificate(der: bytes, fields: dict[str, Any]) -> Certificate:
    """Build a Certificate from its DER form and from the dict of ``getpeercert``."""
    expires = fields.get("notAfter")
    return Certificate(
        sha1=format_thumbprint(hashlib.sha1(der, usedforsecurity=False).digest()),
        sha256=format_thumbprint(hashlib.sha256(der).digest()),
        names=tuple(str(value) for _, value in fields.get("subjectAltName", ())),
        issuer=format_name(fields.get("issuer", ())),
        expires=datetime.fromtimestamp(ssl.cert_time_to_seconds(expires), UTC) if expires else None,
    )


def format_thumbprint(digest: bytes) -> str:
    """Format a digest as vCenter shows it: ``AB:CD:…``."""
    return digest.hex(":").upper()


def format_name(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """Format a distinguished name in one line: its common name, else all of it."""
    parts = [pair for group in name for pair in group]
    common = [value for key, value in parts if key == "commonName"]
    return common[-1] if common else ", ".join(f"{key}={value}" for key, value in parts)
