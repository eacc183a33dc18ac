"""The session with vCenter: log in, check that it lives, leave nothing behind. Calls block: see ``client``."""

import math
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http.client import HTTPException
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import structlog
from pyVmomi import vim, vmodl

from vcenter_functions.login import Credentials, Refusals
from vcenter_functions.net.tls import Authorities
from vcenter_functions.net.vsphere_versions import OLDEST_VERSION, choose_version
from vcenter_functions.vcenters_file import VARIABLES, SettingNames
from vcenter_source.core.errors import (
    AuthenticationError,
    ConfigurationError,
    SessionLostError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.vcenter.decode import decode_categories
from vcenter_source.vcenter.failures import describe_refusal, vcenter_errors
from vcenter_source.vcenter.leftovers import CLEANUP_TIMEOUT, Leftovers
from vcenter_source.vcenter.stub import StatusError, Stub, UnknownFaultError

log = structlog.get_logger()

ESXI_HOST = "an ESXi host, not a vCenter: only its own events come; set VCENTER_URL to the vCenter that manages it"
"""What to say about an ESXi host's address."""


class Session:
    """The one session that this process holds with a vCenter.

    ``credentials`` is called at every log-in, so that rotated ones are picked up, ``authorities`` for every connection,
    and ``on_log_in`` with vCenter's clock after each log-in. ``refusals`` outlive the session, and ``names`` are what
    its settings are called. The content and the collectors are pyVmomi's objects and stay within
    ``vcenter_source.vcenter``.
    """

    def __init__(  # noqa: PLR0913  built in few places, the last by keyword
        self,
        url: str,
        credentials: Callable[[], Credentials],
        authorities: Authorities,
        on_log_in: Callable[[datetime], None] = lambda _: None,
        refusals: Refusals | None = None,
        *,
        names: SettingNames = VARIABLES,
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.rpartition("@")[2]
        self._names = names
        if parts.path.rstrip("/") not in {"", "/sdk"}:
            read = f"{parts.scheme}://{self.host}/sdk"
            log.warning("the path in VCENTER_URL is not used", path=parts.path, read=read)
        self._credentials = credentials
        self._on_log_in = on_log_in
        self._refusals = refusals or Refusals()
        self._user_agent = f"vcenter-source/{version('vcenter-source')} ({uuid.uuid4()})"
        self._options = {"url": f"{parts.scheme}://{self.host}/sdk"}
        self._authorities = authorities if parts.scheme == "https" else None
        self.proxy = find_vcenter_proxy(url)
        self.stub = self._stub(OLDEST_VERSION)
        self.content: Any = None
        self._instance_uuid: str | None = None
        self._unclean = False
        self._leftovers = Leftovers()
        self._login_lost = False
        self._warned = False

    def errors(self) -> AbstractContextManager[None]:
        """Map what a call of this vCenter raises to ``vcenter_source.core.errors``."""
        return vcenter_errors(self.host, self._names)

    def _stub(self, api_version: str) -> Stub:
        return Stub(self._authorities, self._user_agent, self.proxy, version=api_version, **self._options)

    def _connect(self, api_version: str) -> None:
        self.stub.DropConnections()
        self.stub = self._stub(api_version)

    def log_in(self) -> None:
        """End the present session if there is one, connect, agree on the API version, and log in.

        Raises the failures of ``vcenter_source.core.errors``.
        """
        credentials = self._credentials()
        self._check_pause(credentials)
        self._abandon_session()
        with self.errors():
            self._connect(OLDEST_VERSION)
            about = self._retrieve_content().about
            self._connect(choose_version(about.apiVersion))
            content = self._check_same_vcenter(self._retrieve_content())
            self._authenticate(content, credentials)
        self.content = content
        self._warn_of_host()
        self._end_strays()
        self._on_log_in(self.current_time())
        log.info("logged in to vCenter", host=self.host, api_version=about.apiVersion, username=credentials.username)

    def _retrieve_content(self) -> Any:
        content = vim.ServiceInstance("ServiceInstance", self.stub).RetrieveContent()
        if not isinstance(content, vim.ServiceInstanceContent):
            raise VcenterUnavailableError(f"{self.host} does not answer like a vCenter; check {self._names.url}")
        return content

    def _check_same_vcenter(self, content: Any) -> Any:
        """Return the content if it is the same vCenter's as before: in another's events our position means nothing."""
        instance_uuid = str(content.about.instanceUuid)
        if self._instance_uuid not in {None, instance_uuid}:
            raise VcenterUnavailableError(
                f"{self.host} is another vCenter now, with instance uuid {instance_uuid}; "
                f"waiting for {self._instance_uuid}"
            )
        self._instance_uuid = instance_uuid
        return content

    def _check_pause(self, credentials: Credentials) -> None:
        """Raise AuthenticationError if these were refused a short time ago: vCenter counts every try."""
        pause = self._refusals.pause(credentials)
        if pause > 0:
            raise AuthenticationError(
                f"{describe_refusal(self.host, self._names)}; not tried again unless they change, for {pause:.0f} s"
            )

    def pause(self) -> float:
        """Return the seconds until the present credentials may be tried; infinite while they cannot be read."""
        try:
            return self._refusals.pause(self._credentials())
        except ConfigurationError:
            return math.inf

    def _authenticate(self, content: Any, credentials: Credentials) -> None:
        try:
            content.sessionManager.Login(credentials.username, credentials.password.get_secret_value())
        except (
            vim.fault.InvalidLogin,
            UnknownFaultError,
        ):  # an unknown fault may count as a refusal, too
            self._refusals.note(credentials)
            raise
        except (OSError, HTTPException):  # a session may exist now; only an earlier cookie identifies it
            self._login_lost = not self.stub.cookie
            self._leftovers.add_session(self.stub, content)
            raise
        self._refusals.forget()

    def ensure(self) -> None:
        """Log in unless the session is still alive. Raises VcenterUnavailableError if that cannot be found out.

        A session that does not answer may be alive: a new one for each interruption of the network would add up.
        """
        if self.content is not None and not self._unclean and self._is_alive():
            self._leftovers.free_objects(self.stub)
            if not self._leftovers.has_too_many:
                return
        self.log_in()

    def _is_alive(self) -> bool:
        try:
            with self.errors():
                return self.content.sessionManager.currentSession is not None
        except (SessionLostError, VcenterRefusedError):
            return False
        except VcenterUnavailableError as exc:
            if isinstance(exc.__cause__, OSError | HTTPException) and not isinstance(exc.__cause__, StatusError):
                raise
            return False  # not the answer of a live session: a new one may do better

    def mark_unclean(self) -> None:
        """Let ``ensure`` end this session: it may hold an object that we do not know."""
        self._unclean = True

    def free(self, *destroy: Callable[[], Any]) -> None:
        """Destroy objects of this session, now or later. Never fails."""
        self._leftovers.add(destroy)
        self._leftovers.free_objects(self.stub)

    def abort(self) -> None:
        """End the present call, from another thread."""
        for stub in (self.stub, *self._leftovers.stubs):
            stub.abort()

    def _abandon_session(self) -> None:
        """End this session, and those that could not be ended before. What fails now is tried again later."""
        if self.content is not None:
            self._leftovers.add_session(self.stub, self.content)
        self.content, self._unclean = None, False
        self._leftovers.end_sessions()

    def _end_strays(self) -> None:
        """End a session whose log-in was never answered, if the account may: we do not know its key."""
        lost, self._login_lost = self._login_lost, False
        if not lost:
            return
        try:
            with self.stub.limits(CLEANUP_TIMEOUT):
                self._terminate_others()
        except Exception as exc:  # noqa: BLE001  whatever it is, vCenter ends them in the end
            log.warning("a log-in was not answered; its session may live until it expires", reason=str(exc))

    def _terminate_others(self) -> None:
        """End the other sessions with our user agent. This needs the privilege Sessions.TerminateSession."""
        manager = self.content.sessionManager
        own = manager.currentSession.key
        others = [
            session.key
            for session in manager.sessionList
            if session.userAgent == self._user_agent and session.key != own
        ]
        if others:
            manager.TerminateSession(others)

    def log_out(self) -> None:
        """End the session, so that it does not have to expire. Never fails."""
        self._abandon_session()
        self.stub.DropConnections()

    @property
    def is_host(self) -> bool:
        """Whether this is an ESXi host, not a vCenter."""
        return str(self.content.about.apiType) == "HostAgent"

    def _warn_of_host(self) -> None:
        if self.is_host and not self._warned:
            self._warned = True
            log.warning(ESXI_HOST, host=self.host)

    @property
    def api_version(self) -> str:
        """The vSphere API version in use, ``8.0.3.0``."""
        return str(self.content.about.apiVersion)

    @property
    def instance_uuid(self) -> str:
        """The id of this vCenter, whatever its address."""
        return str(self.content.about.instanceUuid)

    def current_time(self) -> datetime:
        """Read vCenter's clock; the local clock never decides where to read."""
        with self.errors():
            time: datetime = vim.ServiceInstance("ServiceInstance", self.stub).CurrentTime()
        return time.astimezone(UTC)  # in pyVmomi's own zone, each comparison would take a call of Python's

    def categories(self) -> dict[str, str]:
        """Read vCenter's category (info, warning, error, user) of each event class and event type id."""
        pc = vmodl.query.PropertyCollector
        manager = self.content.eventManager
        wanted = pc.FilterSpec(
            propSet=[pc.PropertySpec(type=vim.event.EventManager, pathSet=["description.eventInfo"])],
            objectSet=[pc.ObjectSpec(obj=manager)],
        )
        # Not decoded by pyVmomi, which would fail on the first class of a newer vCenter that it does not know.
        collector = self.content.propertyCollector
        with self.errors():
            answer = self.stub.call_raw(collector, "RetrievePropertiesEx", [wanted], pc.RetrieveOptions())
        return decode_categories(answer)
