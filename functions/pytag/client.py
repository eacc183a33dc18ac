"""vCenter's REST API: one session, both dialects, and every failure named. The only room that talks to vCenter."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from functions.pytag.errors import (
    ForbiddenError,
    LoginRefusedError,
    SettingsError,
    UnknownError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from functions.pytag.settings import Credentials
from functions.pytag.telemetry import Telemetry, answered
from functions.pytag.tls import distrust

SESSION_HEADER = "vmware-api-session-id"
LOGIN_PAUSE = 60.0
"""Seconds between two tries of a password that was refused. By default vCenter locks an account for five minutes after
five refused log-ins within three (vSphere Authentication, lockout policy), and redeliveries would keep it locked."""

BUSY = frozenset({"resource_busy", "unable_to_allocate_resource"})
"""Errors of vAPI that come as 400 and pass by themselves."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the tagging API, the same in both dialects. ``item`` is the id that stands in the path."""

    method: str
    resource: str
    item: str | None = None
    action: str | None = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a generation of vCenter writes its REST API. ``wrapped``: values and specifications come in an envelope."""

    session: str
    tagging: str
    item: str
    action: str
    wrapped: bool

    @property
    def ask(self) -> tuple[str, str]:
        """How to ask whether a session is still known."""
        return ("POST", f"{self.session}?~action=get") if self.wrapped else ("GET", self.session)

    def path(self, operation: Operation) -> str:
        """The path and query of an operation."""
        item, action = operation.item, operation.action
        path = f"{self.tagging}/{operation.resource}" + (f"/{self.item}{item}" if item else "")
        return f"{path}?{self.action}={action}" if action else path

    def tags_of(self, category_id: str) -> Operation:
        """The one operation whose path differs by more than its spelling."""
        item = category_id if self.wrapped else None
        return Operation("POST", "tag", item, "list-tags-for-category", {"category_id": category_id})

    def create(self, resource: str, spec: dict[str, Any]) -> Operation:
        """Create a category or a tag."""
        return Operation("POST", resource, body={"create_spec": spec} if self.wrapped else spec)


API = Dialect("/api/session", "/api/cis/tagging", "", "action", wrapped=False)
"""vCenter 7.0U2 and later."""
REST = Dialect("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging", "id:", "~action", wrapped=True)
"""vCenter 6.5 and later, deprecated since 7.0U2, and vcsim."""


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
        self._clock = clock
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._refused: tuple[Credentials, float] | None = None

    async def session(self, stale: Session | None = None) -> Session:
        """The session, logged in once however many ask; ``stale`` is one that vCenter no longer knows.

        Raises VcenterUnavailableError, LoginRefusedError.
        """
        async with self._lock:
            if self._session is None or self._session is stale:
                self._session = None
                self._session = await self._log_in()
            return self._session

    async def call(self, make: Callable[[Dialect], Operation]) -> Any:
        """The value that an operation answers with, None where there is none. Raises RetryableError, PermanentError."""
        session = await self.session()
        response = await self._operate(session, make)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            session = await self.session(stale=session)
            response = await self._operate(session, make)
        return _value(response, wrapped=session.dialect.wrapped)

    async def check(self) -> None:
        """Whether vCenter knows our session, or gives us one. Raises RetryableError, PermanentError."""
        session = await self.session()
        method, path = session.dialect.ask
        response = await self._send(method, path, {SESSION_HEADER: session.token})
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await self.session(stale=session)
        else:
            _value(response, wrapped=session.dialect.wrapped)

    async def close(self) -> None:
        """Log out, as good as it goes, and close the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            with suppress(VcenterUnavailableError):  # the session then ends by itself
                await self._send("DELETE", session.dialect.session, {SESSION_HEADER: session.token})
        await self._http.aclose()

    async def _operate(self, session: Session, make: Callable[[Dialect], Operation]) -> httpx.Response:
        operation = make(session.dialect)
        headers = {SESSION_HEADER: session.token}
        return await self._send(operation.method, session.dialect.path(operation), headers, json=operation.body)

    async def _log_in(self) -> Session:
        credentials = self._usable_credentials()
        for dialect in (API, REST):
            response = await self._send(
                "POST",
                dialect.session,
                {"vmware-use-header-authn": "true"},
                auth=httpx.BasicAuth(credentials.username, credentials.password.get_secret_value()),
            )
            if response.status_code == httpx.codes.NOT_FOUND:
                continue  # an older vCenter has no /api/session
            if response.status_code == httpx.codes.UNAUTHORIZED:
                self._refused = (credentials, self._clock())
                raise self._login_refused(credentials, LOGIN_PAUSE)
            return Session(_token(response, wrapped=dialect.wrapped), dialect)
        raise VcenterUnavailableError(f"no REST API at {self._http.base_url}: is VCENTER_URL a vCenter, and is it up?")

    def _usable_credentials(self) -> Credentials:
        """The credentials as they are now, unless vCenter has just refused these very ones."""
        try:
            credentials = self._credentials()
        except SettingsError as exc:  # a mounted Secret that is being replaced
            raise LoginRefusedError(str(exc)) from exc
        if self._refused is not None and self._refused[0] == credentials:
            pause = self._refused[1] + LOGIN_PAUSE - self._clock()
            if pause > 0:
                raise self._login_refused(credentials, pause)
        return credentials

    @staticmethod
    def _login_refused(credentials: Credentials, pause: float) -> LoginRefusedError:
        return LoginRefusedError(
            f"vCenter refuses the user name or password of {credentials.username}: check VCENTER_USERNAME and "
            "VCENTER_PASSWORD, or the files in VCENTER_SECRET_PATH",
            retry_after=pause,
        )

    async def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        """One request, with its span. Raises VcenterUnavailableError where there is no answer at all."""
        url = str(self._http.base_url.join(path))
        with self._telemetry.request(method, url, headers) as span:
            try:
                response = await self._http.request(method, path, headers=headers, **more)
            except httpx.HTTPError as exc:
                raise VcenterUnavailableError(_no_answer(self._http.base_url, exc)) from exc
            answered(span, response.status_code)
            return response


def _no_answer(url: httpx.URL, exc: httpx.HTTPError) -> str:
    refused = distrust(exc)
    if refused is not None:
        return f"no answer from vCenter at {url}: {refused}"
    reason = " ".join(str(exc).split()) or type(exc).__name__
    return f"no answer from vCenter at {url}: {reason}"


def _json(response: httpx.Response) -> Any:
    try:
        return response.json() if response.content else None
    except ValueError:
        return None


def _token(response: httpx.Response, *, wrapped: bool) -> str:
    token = _value(response, wrapped=wrapped)
    if not isinstance(token, str) or not token:
        raise VcenterUnavailableError(f"{response.url} did not answer like a vCenter: is VCENTER_URL right?")
    return token


def _value(response: httpx.Response, *, wrapped: bool) -> Any:
    """What a successful response holds. Raises what an unsuccessful one means."""
    if not response.is_success:
        raise _failure(response)
    body = _json(response)
    return body.get("value") if wrapped and isinstance(body, dict) else body


def _failure(response: httpx.Response) -> VcenterRefusedError | VcenterUnavailableError:
    """An HTTP error by what to do about it. Both dialects' bodies are read, none is relied on (vcsim sends none)."""
    kind, code, text = _error(_json(response))
    status = response.status_code
    message = (
        f"{response.request.method} {response.request.url.path}: {status} {text or kind or response.reason_phrase}"
    )
    # Not ready is also a path that vCenter's front end does not know yet: the services behind it are still starting.
    starting = code == "com.vmware.vapi.rest.httpNotFound"
    if status >= 500 or status in {401, 408, 429} or status < 400 or kind in BUSY or starting:  # noqa: PLR2004  HTTP
        return VcenterUnavailableError(f"vCenter is not ready: {message}", retry_after=_retry_after(response))
    names: dict[int, type[VcenterRefusedError]] = {403: ForbiddenError, 404: UnknownError}
    return names.get(status, VcenterRefusedError)(f"vCenter refuses {message}", kind=kind)


def _error(body: Any) -> tuple[str, str, str]:
    """The kind of a vAPI error (``not_found``), and its first message's id and text; empty where it is none."""
    if not isinstance(body, dict):
        return "", "", ""
    kind = str(body.get("error_type") or body.get("type") or "").rpartition(".")[2].lower()
    value = body.get("value")
    messages = body.get("messages") or (value.get("messages") if isinstance(value, dict) else None) or [{}]
    first = messages[0] if isinstance(messages, list) and isinstance(messages[0], dict) else {}
    return kind, str(first.get("id", "")), str(first.get("default_message", ""))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, where vCenter names them; a date is ignored."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None
