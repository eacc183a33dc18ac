"""Sessions over REST: a login with basic authentication gives a token, which each other request must bear."""

import base64
import binascii
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from vcenter_simulator.rest.dialect import Dialect
from vcenter_simulator.rest.handlers import Endpoint
from vcenter_simulator.sessions import Session
from vcenter_simulator.tagging import TaggingError
from vcenter_simulator.vcenter import Vcenter

SESSION_HEADER = "vmware-api-session-id"


class SessionApi:
    """Logging in and out in one dialect, and what a request's session may do."""

    def __init__(self, vcenter: Vcenter, dialect: Dialect) -> None:
        self._vcenter = vcenter
        self._dialect = dialect

    def endpoints(self) -> list[Endpoint]:
        """List what is served."""
        methods = ["POST", "DELETE"] if self._dialect.wrapped else ["GET", "POST", "DELETE"]
        return [(self._dialect.session_path, self._serve, methods)]

    def require_session(self, request: Request) -> Session:
        """Return the session of a request. Raises TaggingError (unauthenticated)."""
        token = request.headers.get(SESSION_HEADER) or request.cookies.get(SESSION_HEADER)
        session = self._vcenter.sessions.find(token)
        if session is None or session.api != "rest":
            raise TaggingError.no_session()
        return session

    def require_writer(self, request: Request) -> None:
        """Raise TaggingError (unauthenticated, unauthorized) unless the request's account may change things."""
        if not self.require_session(request).account.may_write:
            raise TaggingError.no_permission()

    async def _serve(self, request: Request) -> Response:
        if request.method == "POST" and self._dialect.action(request) != "get":
            return self._log_in(request)
        session = self.require_session(request)
        if request.method == "DELETE":
            self._vcenter.sessions.close(session)
            return self._dialect.empty()
        created, active = _format_time(session.login_time), _format_time(session.last_active)
        user = session.account.username
        return self._dialect.value({"user": user, "created_time": created, "last_accessed_time": active})

    def _log_in(self, request: Request) -> Response:
        account = self._vcenter.accounts.check(*_read_credentials(request))
        if account is None:
            raise TaggingError.no_session()
        session = self._vcenter.sessions.open(account, "rest", agent=request.headers.get("user-agent", ""))
        response = self._dialect.value(session.token, 201)
        if request.headers.get("vmware-use-header-authn", "").lower() != "true":
            response.set_cookie(SESSION_HEADER, session.token, httponly=True)
        return response


def _format_time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        username, colon, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TaggingError.no_session() from None
    if scheme.lower() != "basic" or not colon:
        raise TaggingError.no_session()
    return username, password
