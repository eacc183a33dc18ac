"""Email by SMTP, for handlers that are a ``def``: smtplib blocks, and needs no other package."""

import re
import smtplib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from vcenter_functions.errors import PermanentError, TemporaryError
from vcenter_functions.net.tls import check_ca_file, create_client_context
from vcenter_functions.server_settings import ServerSettings, either

PORTS = {"starttls": 587, "tls": 465, "plain": 25}
SECONDS = 10.0
"""How long the server may take for a connection, and for each answer."""
LOGIN_DELAY = 60.0
"""Seconds until an event comes again whose log-in was refused: many tries in a row lock an account."""

_ADDRESS = r"[^\s<>@,;]+@[^\s<>@,;]+"
_MAILBOX = re.compile(rf"\s*([^<>@,;\r\n]*<{_ADDRESS}>|{_ADDRESS})\s*", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FIRST_FINAL = 500
"""The first of the answers that mean: never (RFC 5321, 4.2.1)."""

Answer = tuple[int, bytes | str]


def check_addresses(value: str) -> str:
    """Return addresses, separated by commas, as they are. Raises ValueError where one is none."""
    if not all(map(_MAILBOX.fullmatch, value.split(","))):
        raise ValueError("set an address, such as ops@example.com; separate several by commas")
    return value


Addresses = Annotated[str, AfterValidator(check_addresses)]


class SmtpSettings(ServerSettings):
    """The mail server."""

    smtp_host: Annotated[str, either("SMTP_HOST")]
    """The mail server. Required."""

    smtp_security: Annotated[Literal["starttls", "tls", "plain"], either("SMTP_SECURITY")] = "starttls"
    """`starttls`, which the server has to offer; `tls` from the first byte; `plain` without encryption and log-in."""

    smtp_port: Annotated[int | None, either("SMTP_PORT")] = Field(default=None, ge=1, le=65535)
    """Its port. Unset: 587 for `starttls`, 465 for `tls`, 25 for `plain`."""

    smtp_username: Annotated[str | None, either("SMTP_USERNAME")] = None
    """The account to log in with. Unset: no log-in."""

    smtp_password: Annotated[SecretStr | None, either("SMTP_PASSWORD")] = None
    """Its password."""

    smtp_ca_file: Annotated[Path | None, either("SMTP_CA_FILE"), AfterValidator(check_ca_file)] = None
    """A PEM file with the authority that signed the server's certificate, trusted in addition to the system's."""

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if self.smtp_username and not self.smtp_password:
            raise ValueError("SMTP_PASSWORD: not set; SMTP_USERNAME needs it")
        if self.smtp_username and self.smtp_security == "plain":
            raise ValueError("SMTP_SECURITY: 'plain' would send the password unencrypted; set starttls or tls")
        return self


def clean_header(text: str) -> str:
    """Return a text as a header may have it: in one line, and without encoded words.

    EmailMessage decodes ``=?utf-8?q?=0ABcc:_…?=``, and before Python 3.11.10 and 3.12.5 writes the line end that it
    finds in it: the rest would be a header of its own.
    """
    return " ".join(_CONTROLS.sub(" ", text).replace("=?", "= ?").split())


def send_message(message: EmailMessage, settings: SmtpSettings) -> None:
    """Send a message to the recipients in its headers.

    Raises TemporaryError for an answer in 4xx to any recipient, no answer, and a refused log-in, which can be put
    right; PermanentError for answers in 5xx. Other recipients may have the message by then, so it needs a Message-ID.
    """
    refused: Mapping[str, Answer]
    try:
        with _connect(settings) as server:
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as exc:
        error = f"SMTP_USERNAME, SMTP_PASSWORD: {_describe((exc.smtp_code, exc.smtp_error))}"
        raise TemporaryError(error, delay=LOGIN_DELAY) from exc
    except smtplib.SMTPRecipientsRefused as exc:
        refused = exc.recipients
    except smtplib.SMTPResponseException as exc:
        refused = {settings.smtp_host: (exc.smtp_code, exc.smtp_error)}
    except (smtplib.SMTPException, OSError) as exc:
        raise TemporaryError(f"SMTP_HOST: {settings.smtp_host} cannot be used: {exc}") from exc
    if refused:
        error = "; ".join(f"{who}: {_describe(answer)}" for who, answer in refused.items())
        is_final = all(code >= _FIRST_FINAL for code, _ in refused.values())
        raise PermanentError(error) if is_final else TemporaryError(error)


@contextmanager
def _connect(settings: SmtpSettings) -> Iterator[smtplib.SMTP]:
    """Connect, and log in if there is an account."""
    address = settings.smtp_host, settings.smtp_port or PORTS[settings.smtp_security]
    if settings.smtp_security == "tls":
        context = create_client_context(settings.smtp_ca_file)
        opened: smtplib.SMTP = smtplib.SMTP_SSL(*address, timeout=SECONDS, context=context)
    else:
        opened = smtplib.SMTP(*address, timeout=SECONDS)
    with closing(opened) as server:
        if settings.smtp_security == "starttls":
            server.starttls(context=create_client_context(settings.smtp_ca_file))
        if settings.smtp_username and settings.smtp_password:
            server.login(settings.smtp_username, settings.smtp_password.get_secret_value())
        yield server
        with suppress(smtplib.SMTPException, OSError):
            server.quit()


def _describe(answer: Answer) -> str:
    code, text = answer
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"the server answers {code} {' '.join(words.split())}"
