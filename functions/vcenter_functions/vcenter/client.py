"""vCenter's REST API: one session, in the dialect that vCenter speaks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from vcenter_functions.errors import FunctionError, VcenterUnavailableError
from vcenter_functions.login import Credentials
from vcenter_functions.tracing import Tracing, record_status
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.answers import (
    Answer,
    Expectation,
    expect_json,
    expect_object,
    expect_text,
    is_transient,
    is_web_page,
    parse_value,
    read_answer,
)
from vcenter_functions.vcenter.dialects import API, REST, AnyOperation, Dialect, Operation
from vcenter_functions.vcenter.transport import explain_no_answer
from vcenter_functions.vcenters_file import VARIABLES, SettingNames

T = TypeVar("T")
SESSION_HEADER = "vmware-api-session-id"
LOG_OUT_SECONDS = 5.0
"""How long a stop waits for vCenter's answer to the log-out."""


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in that worked: the token to send along, and the dialect."""

    token: str
    dialect: Dialect


class VcenterClient:
    """A session that is opened when it is first needed, and again whenever vCenter has ended it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        account: Account,
        tracing: Tracing,
        names: SettingNames = VARIABLES,
    ) -> None:
        self._names = names
        self._http = http
        self._account = account
        self._tracing = tracing
        self._lock = asyncio.Lock()
        self._session: Session | None = None

    async def get_session(self, stale: Session | None = None) -> Session:
        """Return the session, logged in once for all that ask; ``stale`` is one that vCenter has ended.

        Raises VcenterUnavailableError, LoginRefusedError.
        """
        async with self._lock:
            if self._session is None or self._session is stale:
                self._session = None
                self._session = await self._log_in()
            return self._session

    async def call(self, operation: AnyOperation, expect: Expectation[T]) -> T:
        """Return what an operation answers. Raises TemporaryError, PermanentError."""
        session, answer = await self._exchange(lambda session: self._operate(session, operation))
        return parse_value(answer, expect, wrapped=session.dialect.wrapped)

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that vCenter answers at a path, None for an empty answer. Raises as ``call`` does."""
        _, answer = await self._exchange(
            lambda session: self._send(method, path, {SESSION_HEADER: session.token}, json=body)
        )
        return parse_value(answer, expect_json, wrapped=False)

    async def _exchange(self, send: Callable[[Session], Awaitable[Answer]]) -> tuple[Session, Answer]:
        """Send a request in the session, and once more in a new one if vCenter has ended that."""
        session = await self.get_session()
        answer = await send(session)
        if answer.status == httpx.codes.UNAUTHORIZED:
            session = await self.get_session(stale=session)
            answer = await send(session)
        return session, answer

    async def check(self) -> None:
        """Return if vCenter accepts our session, or opens one. Raises TemporaryError, PermanentError."""
        session = await self.get_session()
        method, path = session.dialect.session_check
        answer = await self._send(method, path, {SESSION_HEADER: session.token})
        if answer.status == httpx.codes.UNAUTHORIZED:
            await self.get_session(stale=session)
        else:
            parse_value(answer, expect_object("user"), wrapped=session.dialect.wrapped)

    async def close(self) -> None:
        """Log out, if vCenter answers in time, and close the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            with suppress(VcenterUnavailableError, TimeoutError):  # the session then ends by itself
                async with asyncio.timeout(LOG_OUT_SECONDS):
                    await self._send("DELETE", session.dialect.session, {SESSION_HEADER: session.token})
        await self._http.aclose()

    async def _operate(self, session: Session, operation: AnyOperation) -> Answer:
        if not isinstance(operation, Operation):
            operation = operation(session.dialect)
        headers = {SESSION_HEADER: session.token}
        return await self._send(operation.method, session.dialect.build_path(operation), headers, json=operation.body)

    async def _log_in(self) -> Session:
        """Open a session in the first dialect that vCenter speaks.

        An older vCenter, or what stands before it, answers 404 where it has no ``/api/session``, or 400, 403, 405, 415,
        or a web page. No such answer is about the event that we log in for.
        """
        async with self._account.try_credentials_async() as credentials:
            return await self._try_dialects(credentials)

    async def _try_dialects(self, credentials: Credentials) -> Session:
        failures = []
        for dialect in (API, REST):
            answer = await self._request_session(dialect, credentials)
            try:
                token = parse_value(answer, expect_text, wrapped=dialect.wrapped)
            except FunctionError as exc:
                if is_transient(answer.status) and not is_web_page(answer):
                    raise
                failures.append((answer.status, str(exc)))
            else:
                self._account.accept()
                return Session(token, dialect)
        raise self._no_api_error(failures)

    async def _request_session(self, dialect: Dialect, credentials: Credentials) -> Answer:
        auth = httpx.BasicAuth(credentials.username, credentials.password.get_secret_value())
        answer = await self._send("POST", dialect.session, {"vmware-use-header-authn": "true"}, auth=auth)
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise self._account.refuse(credentials)
        return answer

    def _no_api_error(self, failures: list[tuple[int, str]]) -> VcenterUnavailableError:
        messages = [message for status, message in failures if status != httpx.codes.NOT_FOUND]
        why = f": {'; '.join(messages)}" if messages else ""
        return VcenterUnavailableError(
            f"no REST API at {self._http.base_url}: is {self._names.url} a vCenter, and is it up?{why}"
        )

    async def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> Answer:
        """Send one request, with its span. Raises VcenterUnavailableError without an answer that can be read."""
        url = str(self._http.base_url.join(path))
        headers["accept-encoding"] = "identity"  # a compressed answer could expand to any size
        with self._tracing.request_span(method, url, headers) as span:
            try:
                async with self._http.stream(method, path, headers=headers, **more) as response:
                    record_status(span, response.status_code)
                    return await read_answer(response, self._names.url)
            except httpx.HTTPError as exc:
                raise VcenterUnavailableError(explain_no_answer(str(self._http.base_url), exc, self._names)) from exc
