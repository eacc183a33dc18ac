"""vCenter's REST API: one session, in the dialect that vCenter speaks. The only room that talks to vCenter."""

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from vcenter_functions.answers import Answer, Shape, is_page, may_pass, read, record, text, value_of
from vcenter_functions.credentials import Credentials
from vcenter_functions.dialects import API, REST, Dialect, Operation
from vcenter_functions.errors import LoginRefusedError, PytagError, SettingsError, VcenterUnavailableError
from vcenter_functions.net.tls import explain_verify_code, suggest_remedy
from vcenter_functions.refusals import Refusals
from vcenter_functions.telemetry import Telemetry, answered

T = TypeVar("T")
SESSION_HEADER = "vmware-api-session-id"
LOG_OUT_SECONDS = 5.0
"""How long a stop waits for the answer to its log-out."""


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in that worked: what to send along, and in which dialect."""

    token: str
    dialect: Dialect


class VcenterClient:
    """A session that is opened when it is first needed, and again whenever vCenter has forgotten it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        credentials: Callable[[], Credentials],
        telemetry: Telemetry,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._telemetry = telemetry
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._refusals = Refusals(clock)

    async def session(self, stale: Session | None = None) -> Session:
        """The session, logged in once however many ask; ``stale`` is one that vCenter no longer knows.

        Raises VcenterUnavailableError, LoginRefusedError.
        """
        async with self._lock:
            if self._session is None or self._session is stale:
                self._session = None
                self._session = await self._log_in()
            return self._session

    async def call(self, make: Callable[[Dialect], Operation], shape: Shape[T]) -> T:
        """The value that an operation answers with. Raises RetryableError, PermanentError."""
        session = await self.session()
        answer = await self._operate(session, make)
        if answer.status == httpx.codes.UNAUTHORIZED:
            session = await self.session(stale=session)
            answer = await self._operate(session, make)
        return value_of(answer, shape, wrapped=session.dialect.wrapped)

    async def check(self) -> None:
        """Whether vCenter knows our session, or gives us one. Raises RetryableError, PermanentError."""
        session = await self.session()
        method, path = session.dialect.ask
        answer = await self._send(method, path, {SESSION_HEADER: session.token})
        if answer.status == httpx.codes.UNAUTHORIZED:
            await self.session(stale=session)
        else:
            value_of(answer, record("user"), wrapped=session.dialect.wrapped)

    async def close(self) -> None:
        """Log out, as good as it goes, and close the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            with suppress(VcenterUnavailableError, TimeoutError):  # the session then ends by itself
                async with asyncio.timeout(LOG_OUT_SECONDS):
                    await self._send("DELETE", session.dialect.session, {SESSION_HEADER: session.token})
        await self._http.aclose()

    async def _operate(self, session: Session, make: Callable[[Dialect], Operation]) -> Answer:
        operation = make(session.dialect)
        headers = {SESSION_HEADER: session.token}
        return await self._send(operation.method, session.dialect.path(operation), headers, json=operation.body)

    async def _log_in(self) -> Session:
        """A session in the first dialect that gives one.

        An older vCenter, or what stands before it, answers 404 where it has no ``/api/session``, or 400, 403, 405, 415,
        or a page. No such answer is about the event that we log in for.
        """
        credentials = self._usable_credentials()
        failures = []
        for dialect in (API, REST):
            answer = await self._ask_for_session(dialect, credentials)
            try:
                token = value_of(answer, text, wrapped=dialect.wrapped)
            except PytagError as exc:
                if may_pass(answer.status) and not is_page(answer):
                    raise
                failures.append((answer.status, str(exc)))
            else:
                self._refusals.forget()
                return Session(token, dialect)
        raise self._no_api(failures)

    async def _ask_for_session(self, dialect: Dialect, credentials: Credentials) -> Answer:
        auth = httpx.BasicAuth(credentials.username, credentials.password.get_secret_value())
        answer = await self._send("POST", dialect.session, {"vmware-use-header-authn": "true"}, auth=auth)
        if answer.status == httpx.codes.UNAUTHORIZED:
            self._refusals.note(credentials)
            raise self._login_refused(credentials)
        return answer

    def _no_api(self, failures: list[tuple[int, str]]) -> VcenterUnavailableError:
        told = [message for status, message in failures if status != httpx.codes.NOT_FOUND]
        why = f": {'; '.join(told)}" if told else ""
        return VcenterUnavailableError(
            f"no REST API at {self._http.base_url}: is VCENTER_URL a vCenter, and is it up?{why}"
        )

    def _usable_credentials(self) -> Credentials:
        """The credentials as they are now, unless vCenter has just refused these very ones."""
        try:
            credentials = self._credentials()
        except SettingsError as exc:  # a mounted Secret that is being replaced
            raise LoginRefusedError(str(exc)) from exc
        if self._refusals.pause(credentials) > 0:
            raise self._login_refused(credentials)
        return credentials

    def _login_refused(self, credentials: Credentials) -> LoginRefusedError:
        pause = self._refusals.pause(credentials)
        return LoginRefusedError(
            f"vCenter refuses the user name or password of {credentials.username}: check VCENTER_USERNAME and "
            "VCENTER_PASSWORD, or the files in VCENTER_SECRET_PATH; they are tried again "
            f"in {math.ceil(pause)} seconds, lest vCenter lock the account, and at once when the files change",
            retry_after=pause,
        )

    async def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> Answer:
        """One request, with its span. Raises VcenterUnavailableError where there is no answer that can be read."""
        url = str(self._http.base_url.join(path))
        headers["accept-encoding"] = "identity"  # what is packed could unpack to any size
        with self._telemetry.request(method, url, headers) as span:
            try:
                async with self._http.stream(method, path, headers=headers, **more) as response:
                    answered(span, response.status_code)
                    return await read(response)
            except httpx.HTTPError as exc:
                raise VcenterUnavailableError(_no_answer(self._http.base_url, exc)) from exc


def _no_answer(url: httpx.URL, exc: httpx.HTTPError) -> str:
    reason = _explain_certificate(exc) or " ".join(str(exc).split()) or type(exc).__name__
    return f"no answer from vCenter at {url}: {reason}"


def _explain_certificate(exc: BaseException | None) -> str:
    """Say why vCenter's certificate was refused, and what mends it; nothing for any other failure."""
    while exc is not None and not isinstance(exc, ssl.SSLCertVerificationError):
        exc = exc.__cause__ or exc.__context__
    if exc is None:
        return ""
    by_hand = "set VCENTER_CA_FILE to the authority that signed it, or VCENTER_INSECURE=true for a first try"
    remedy = suggest_remedy(exc.verify_code, "VCENTER_URL", by_hand)
    return f"its certificate {explain_verify_code(exc.verify_code)} ({exc.verify_message.rstrip('.')}); {remedy}"
