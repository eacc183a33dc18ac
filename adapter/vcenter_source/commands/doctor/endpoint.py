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
from vcenter_source.commands.doctor.certificate import PATIENCE, Certificate, Server, handshake, shown_by
from vcenter_source.commands.doctor.steps import Outcome, Step, failed, in_thread, ok, warning
from vcenter_source.core.proxies import ProxyError

EXPIRES_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates are accepted. ``by_hand`` is how to have another authority trusted."""

    context: Callable[[], ssl.SSLContext]
    by_hand: str
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a certificate is refused, and what to do about it."""

    reason: str
    advice: str


@dataclass(slots=True)
class Endpoint:
    """The server of an address that the setting ``setting`` holds.

    ``plain`` is what it means that the address is http. ``proxy`` leads there. ``addresses`` is what the name has
    resolved to.
    """

    url: str
    setting: str
    trust: Trust
    plain: Outcome
    proxy: Proxy | None = None
    addresses: list[tuple[Any, ...]] = field(default_factory=list)

    def steps(self, area: str) -> list[Step]:
        """The checks, named after the area: ``vcenter dns``. Through a proxy, it is the proxy that has to be there."""
        if self.proxy is not None:
            way = Endpoint(self.proxy.url, self.proxy.variable, self.trust, self.plain)
            to_proxy = way.steps(f"{area} proxy")[:2]
            secure = self.proxy.url.startswith("https:")  # TLS within TLS is more than a socket does
            return to_proxy if secure else [*to_proxy, Step(f"{area} tls", self.verify, to_proxy[-1].name)]
        return [
            Step(f"{area} dns", self.resolve),
            Step(f"{area} tcp", self.connect, f"{area} dns"),
            Step(f"{area} tls", self.verify, f"{area} tcp"),
        ]

    @property
    def host(self) -> str:
        """The name that is asked for."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, also where the address names none."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    async def resolve(self) -> Outcome:
        """Look the name up."""
        try:
            answers = await in_thread(partial(socket.getaddrinfo, self.host, self.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as exc:
            reason = (isinstance(exc, OSError) and exc.strerror) or "not a host name"
            return failed(f"{self.host}: {reason}", f"check the host name in {self.setting}, and the name server")
        self.addresses = list(dict.fromkeys(address for *_, address in answers))
        hosts = [str(address[0]) for address in self.addresses]
        found = "an address, no name to look up" if hosts == [self.host] else f"{self.host} is {', '.join(hosts)}"
        return ok(found, addresses=hosts)

    async def connect(self) -> Outcome:
        """Connect to each address: a client may take any of them."""
        reasons = await asyncio.gather(*(in_thread(partial(refusal, address)) for address in self.addresses))
        closed = [f"{address[0]}: {why}" for address, why in zip(self.addresses, reasons, strict=True) if why]
        if len(closed) == len(self.addresses):
            advice = f"check the host and the port in {self.setting}, and firewalls between here and there"
            return failed(f"port {self.port} of {'; '.join(closed)}", advice)
        # From here on the addresses are those that answer.
        self.addresses = [address for address, why in zip(self.addresses, reasons, strict=True) if not why]
        if closed:
            return warning(f"port {self.port} is open, but not of {'; '.join(closed)}", "remove what is wrong from DNS")
        return ok(f"port {self.port} is open")

    async def verify(self) -> Outcome:
        """Look at the certificate, and see whether the adapter would trust it."""
        if urlsplit(self.url).scheme == "http":
            return self.plain
        server = Server(self.host, (self.host, self.port) if self.proxy else self.addresses[0], self.proxy)
        try:
            shown = await in_thread(partial(shown_by, server))
        except ProxyError as exc:
            found, _, advice = str(exc).partition("; ")
            return failed(found, advice)
        except OSError as exc:  # ssl.SSLError is one too
            reason = getattr(exc, "reason", None) or exc.strerror or str(exc)
            return failed(f"no TLS on port {self.port}: {reason}", f"check the port in {self.setting}")
        return self._judged(shown, await in_thread(partial(self._objection, server, shown)))

    def _objection(self, server: Server, shown: Certificate) -> Objection | None:
        """Why the adapter's own way to connect refuses the certificate; None where it does not."""
        try:
            handshake(server, self.trust.context())
        except ssl.SSLCertVerificationError as exc:
            return Objection(exc.verify_message.rstrip("."), self._remedy(exc.verify_code, shown))
        except OSError as exc:
            return Objection(exc.strerror or str(exc), "see which TLS versions both sides allow")
        return None

    def _remedy(self, code: int, shown: Certificate) -> str:
        by_hand = f"compare the thumbprint with the server's own, then {self.trust.by_hand}"
        advice = suggest_remedy(code, self.setting, by_hand)
        return f"{advice}: {', '.join(shown.names)}" if code in WRONG_NAMES else advice

    def _judged(self, shown: Certificate, objection: Objection | None) -> Outcome:
        if self.trust.insecure:
            return insecure(shown, objection)
        if objection:
            return failed(f"{objection.reason}: {shown}", objection.advice, **shown.details)
        if shown.expires and shown.expires - datetime.now(UTC) < EXPIRES_SOON:
            return warning(f"expires soon: {shown}", "renew the server's certificate", **shown.details)
        return ok(f"trusted: {shown}", **shown.details)


def insecure(shown: Certificate, objection: Objection | None) -> Outcome:
    """What VCENTER_INSECURE lets pass: anybody on the way could read the password."""
    found = f"VCENTER_INSECURE accepts any certificate ({objection.reason if objection else 'this one is trusted'})"
    advice = f"{objection.advice}; then unset VCENTER_INSECURE" if objection else "unset VCENTER_INSECURE"
    return warning(f"{found}: {shown}", advice, **shown.details)


def refusal(address: tuple[Any, ...]) -> str:
    """Why there is no connection to this address; empty where there is one."""
    try:
        socket.create_connection(address[:2], PATIENCE).close()
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""
