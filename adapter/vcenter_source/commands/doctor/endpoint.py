"""The way to a server, step by step: its name, its port, its certificate."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.tls import WRONG_NAMES, suggest_remedy
from vcenter_source.commands.doctor.certificate import (
    SERVER_TIMEOUT,
    Certificate,
    Server,
    connect_tls,
    fetch_certificate,
)
from vcenter_source.commands.doctor.checks import CheckResult, DoctorCheck, failure, ok, run_in_thread, warning
from vcenter_source.core.proxies import ProxyError

EXPIRY_WARNING = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Which certificates are accepted. ``trust_advice`` says how to trust another authority."""

    context: Callable[[], ssl.SSLContext]
    trust_advice: str
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class CertificateProblem:
    """Why a certificate is refused, and what to do about it."""

    reason: str
    advice: str


@dataclass(slots=True)
class Endpoint:
    """The server at a URL, which is the value of ``setting``.

    ``plain`` is the result for an http URL. ``proxy`` leads to the server. ``addresses`` is what its name resolves to.
    """

    url: str
    setting: str
    trust: TrustPolicy
    plain: CheckResult
    proxy: Proxy | None = None
    addresses: list[tuple[Any, ...]] = field(default_factory=list)

    def checks(self, area: str) -> list[DoctorCheck]:
        """List the checks, named after the area: ``vcenter dns``. Name and port of a proxy take the server's place."""
        if self.proxy is not None:
            proxy = Endpoint(self.proxy.url, self.proxy.variable, self.trust, self.plain)
            to_proxy = proxy.checks(f"{area} proxy")[:2]
            if self.proxy.url.startswith("https:"):  # a socket cannot do TLS within TLS
                return to_proxy
            return [*to_proxy, DoctorCheck(f"{area} tls", self.verify, to_proxy[-1].name)]
        return [
            DoctorCheck(f"{area} dns", self.resolve),
            DoctorCheck(f"{area} tcp", self.connect, f"{area} dns"),
            DoctorCheck(f"{area} tls", self.verify, f"{area} tcp"),
        ]

    @property
    def host(self) -> str:
        """The host in the URL."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the URL names none."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    async def resolve(self) -> CheckResult:
        """Look the name up."""
        try:
            answers = await run_in_thread(partial(socket.getaddrinfo, self.host, self.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as exc:
            reason = (isinstance(exc, OSError) and exc.strerror) or "not a host name"
            return failure(f"{self.host}: {reason}", f"check the host name in {self.setting}, and the name server")
        self.addresses = list(dict.fromkeys(address for *_, address in answers))
        hosts = [str(address[0]) for address in self.addresses]
        message = f"{self.host} is {', '.join(hosts)}"
        return ok("an IP address, no lookup needed" if hosts == [self.host] else message, addresses=hosts)

    async def connect(self) -> CheckResult:
        """Connect to each address: a client may take any of them."""
        reasons = await asyncio.gather(*(run_in_thread(partial(try_connect, address)) for address in self.addresses))
        closed = [f"{address[0]}: {reason}" for address, reason in zip(self.addresses, reasons, strict=True) if reason]
        if len(closed) == len(self.addresses):
            advice = f"check the host and the port in {self.setting}, and firewalls on the way"
            return failure(f"port {self.port} of {'; '.join(closed)}", advice)
        # The checks that follow use the addresses that answer.
        self.addresses = [address for address, reason in zip(self.addresses, reasons, strict=True) if not reason]
        if closed:
            message = f"port {self.port} is open, but not at {'; '.join(closed)}"
            return warning(message, "remove the stale address from DNS")
        return ok(f"port {self.port} is open")

    async def verify(self) -> CheckResult:
        """Fetch the certificate, and see whether the adapter would trust it."""
        if urlsplit(self.url).scheme == "http":
            return self.plain
        server = Server(self.host, (self.host, self.port) if self.proxy else self.addresses[0], self.proxy)
        try:
            certificate = await run_in_thread(partial(fetch_certificate, server))
        except ProxyError as exc:
            message, _, advice = str(exc).partition("; ")
            return failure(message, advice)
        except OSError as exc:  # ssl.SSLError is one too
            reason = getattr(exc, "reason", None) or exc.strerror or str(exc)
            return failure(f"no TLS on port {self.port}: {reason}", f"check the port in {self.setting}")
        return self._assess(certificate, await run_in_thread(partial(self._find_problem, server, certificate)))

    def _find_problem(self, server: Server, certificate: Certificate) -> CertificateProblem | None:
        """Connect as the adapter does; return why it would refuse the certificate, None where it would not."""
        try:
            connect_tls(server, self.trust.context())
        except ssl.SSLCertVerificationError as exc:
            return CertificateProblem(
                exc.verify_message.rstrip("."), self._suggest_remedy(exc.verify_code, certificate)
            )
        except OSError as exc:
            return CertificateProblem(exc.strerror or str(exc), "check which TLS versions both sides allow")
        return None

    def _suggest_remedy(self, code: int, certificate: Certificate) -> str:
        trust_advice = f"compare the thumbprint with the server's own, then {self.trust.trust_advice}"
        advice = suggest_remedy(code, self.setting, trust_advice)
        return f"{advice}: {', '.join(certificate.names)}" if code in WRONG_NAMES else advice

    def _assess(self, certificate: Certificate, problem: CertificateProblem | None) -> CheckResult:
        if self.trust.insecure:
            return assess_insecure(certificate, problem)
        if problem:
            return failure(f"{problem.reason}: {certificate}", problem.advice, **certificate.details)
        if certificate.expires and certificate.expires - datetime.now(UTC) < EXPIRY_WARNING:
            return warning(f"expires soon: {certificate}", "renew the server's certificate", **certificate.details)
        return ok(f"trusted: {certificate}", **certificate.details)


def assess_insecure(certificate: Certificate, problem: CertificateProblem | None) -> CheckResult:
    """Return the result with VCENTER_INSECURE: anybody on the way could read the password."""
    message = f"VCENTER_INSECURE accepts any certificate ({problem.reason if problem else 'this one is trusted'})"
    advice = f"{problem.advice}; then unset VCENTER_INSECURE" if problem else "unset VCENTER_INSECURE"
    return warning(f"{message}: {certificate}", advice, **certificate.details)


def try_connect(address: tuple[Any, ...]) -> str:
    """Connect to an address; return the reason of a failure, empty for none."""
    try:
        socket.create_connection(address[:2], SERVER_TIMEOUT).close()
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""
