"""A mail server: aiosmtpd on a free port, in a thread of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Mailbox:
    """What was sent. ``answers`` are given to recipients, by their address; ``answer`` to the message."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    answer: str = "250 OK"

    async def handle_RCPT(  # as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.answer


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    return AuthResult(success=(login.login, login.password) == (b"vcenter", b"the password"), handled=False)


@contextmanager
def serve_mail(context: ssl.SSLContext | None = None, *, implicit: bool = False) -> Iterator[Mailbox]:
    """Serve with STARTTLS where there is a context, or TLS from the first byte if it is implicit."""
    mailbox, loop = Mailbox(), asyncio.new_event_loop()
    options: dict[str, Any] = {"authenticator": authenticate}
    if implicit:
        options["auth_require_tls"] = False  # aiosmtpd does not know of the TLS beneath it
    elif context:
        options |= {"tls_context": context, "require_starttls": True, "auth_required": True}

    def create() -> SMTP:
        return SMTP(mailbox, hostname="mail.test", loop=loop, **options)

    server = loop.run_until_complete(loop.create_server(create, "127.0.0.1", 0, ssl=context if implicit else None))
    mailbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
