"""The session with vCenter: log in, see whether it still lives, leave nothing behind. It blocks: see ``client``."""

import math
import uuid
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPException
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import structlog
from pyVmomi import vim, vmodl

from vcenter_functions.net.tls import Authorities
from vcenter_source.core.errors import (
    AuthenticationError,
    ConfigurationError,
    SessionLostError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.settings.vcenter import Credentials
from vcenter_source.vcenter.decode import decode_categories
from vcenter_source.vcenter.failures import describe_refusal, vcenter_errors
from vcenter_source.vcenter.leftovers import CLEANUP_TIMEOUT, Leftovers
from vcenter_source.vcenter.refusals import Refusals
from vcenter_source.vcenter.stub import StatusError, Stub, UnknownFaultError
from vcenter_source.vcenter.versions import OLDEST_VERSION, choose_version

log = structlog.get_logger()

ESXI_HOST = "an ESXi host, not a vCenter: only its own events come; set VCENTER_URL to the vCenter that manages it"
"""What to say of such an address."""


class Session:
    """The one session that this process holds with a vCenter.

    ``credentials`` is asked at every log-in, so that rotated ones are picked up, and ``authorities`` for every
    connection; ``on_log_in`` is told of each log-in, with vCenter's clock. ``refusals`` outlive the session. The
    content and the collectors are pyVmomi's objects and stay within ``vcenter_source.vcenter``.
    """

    def __init__(
        self,
        url: str,
        credentials: Callable[[], Credentials],
        authorities: Authorities,
        on_log_in: Callable[[datetime], None] = lambda _: None,
        refusals: Refusals | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.rpartition("@")[2]
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

    def _stub(self, api_version: str) -> Stub:
        return Stub(self._authorities, self._user_agent, self.proxy, version=api_version, **self._options)

    def _connect(self, api_version: str) -> None:
        self.stub.DropConnections()
        self.stub = self._stub(api_version)

    def log_in(self) -> None:
        """End the session that there may be, connect, agree on the API version and log in.

        Raises the failures of ``vcenter_source.core.errors``.
        """
        credentials = self._credentials()
        self._check_pause(credentials)
        self._abandon_session()
        with vcenter_errors(self.host):
            self._connect(OLDEST_VERSION)
            about = self._retrieve_content().about
            self._connect(choose_version(about.apiVersion))
            content = self._check_same_vcenter(self._retrieve_content())
            self._authenticate(content, credentials)
        self.content = content
        self._warn_of_host()
        self._end_strays()
        self._on_log_in(self.current_time())
        log.info("logged in to vCenter", vcenter=self.host, api_version=about.apiVersion, username=credentials.username)

    def _retrieve_content(self) -> Any:
        content = vim.ServiceInstance("ServiceInstance", self.stub).RetrieveContent()
        if not isinstance(content, vim.ServiceInstanceContent):
            raise VcenterUnavailableError(f"{self.host} does not answer like a vCenter; check VCENTER_URL")
        return content

    def _check_same_vcenter(self, content: Any) -> Any:
        """The content, if it is of the vCenter that we began with: in another's events our place means nothing."""
        found = str(content.about.instanceUuid)
        if self._instance_uuid not in {None, found}:
            raise VcenterUnavailableError(
                f"{self.host} is another vCenter now, with instance uuid {found}; waiting for {self._instance_uuid}"
            )
        self._instance_uuid = found
        return content

    def _check_pause(self, credentials: Credentials) -> None:
        """Raises AuthenticationError while these were refused too short a time ago: not even asked, vCenter counts."""
        pause = self._refusals.pause(credentials)
        if pause > 0:
            raise AuthenticationError(
                f"{describe_refusal(self.host)}; not tried again unless they change, for {pause:.0f} s"
            )

    def pause(self) -> float:
        """Seconds until the credentials, as they are now, may be tried; without end while they cannot be read."""
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
        ):  # one that is not known may count as a refusal as well
            self._refusals.note(credentials)
            raise
        except (OSError, HTTPException):  # there may be a session now, known by the cookie if there was one before
            self._login_lost = not self.stub.cookie
            self._leftovers.add_session(self.stub, content)
            raise
        self._refusals.forget()

    def ensure(self) -> None:
        """Log in unless the session is still alive. Raises VcenterUnavailableError where that cannot be told.

        A session of which nothing is heard may be alive: with a new one in its place for each time that a network
        drops, they would add up.
        """
        if self.content is not None and not self._unclean and self._is_alive():
            self._leftovers.free_objects(self.stub)
            if not self._leftovers.has_too_many:
                return
        self.log_in()

    def _is_alive(self) -> bool:
        try:
            with vcenter_errors(self.host):
                return self.content.sessionManager.currentSession is not None
        except (SessionLostError, VcenterRefusedError):
            return False
        except VcenterUnavailableError as exc:
            if isinstance(exc.__cause__, OSError | HTTPException) and not isinstance(exc.__cause__, StatusError):
                raise
            return False  # an answer, and none that a session gives: a new one may do better

    def mark_unclean(self) -> None:
        """Have ``ensure`` end this session: something may be left in it that cannot be named."""
        self._unclean = True

    def free(self, *destroy: Callable[[], Any]) -> None:
        """Destroy objects of this session, later where it cannot be done now. Never fails."""
        self._leftovers.add(destroy)
        self._leftovers.free_objects(self.stub)

    def abort(self) -> None:
        """End the call under way, from another thread."""
        for stub in (self.stub, *self._leftovers.stubs):
            stub.abort()

    def _abandon_session(self) -> None:
        """End this session, and those that could not be ended before. What is not ended now is tried again later."""
        if self.content is not None:
            self._leftovers.add_session(self.stub, self.content)
        self.content, self._unclean = None, False
        self._leftovers.end_sessions()

    def _end_strays(self) -> None:
        """End a session whose log-in was never answered, as far as this account may: nothing of it is known here."""
        lost, self._login_lost = self._login_lost, False
        if not lost:
            return
        try:
            with self.stub.limits(CLEANUP_TIMEOUT):
                self._terminate_others()
        except Exception as exc:  # noqa: BLE001  whatever it is, vCenter ends them in the end
            log.warning("a log-in was not answered; its session may live until it expires", reason=str(exc))

    def _terminate_others(self) -> None:
        """End the sessions with our user agent but this one. It takes the privilege Sessions.TerminateSession."""
        manager = self.content.sessionManager
        own = manager.currentSession.key
        others = [each.key for each in manager.sessionList if each.userAgent == self._user_agent and each.key != own]
        if others:
            manager.TerminateSession(others)

    def log_out(self) -> None:
        """End the session, so that vCenter need not wait for it to expire. Never fails."""
        self._abandon_session()
        self.stub.DropConnections()

    @property
    def is_host(self) -> bool:
        """Whether this is an ESXi host, and no vCenter."""
        return str(self.content.about.apiType) == "HostAgent"

    def _warn_of_host(self) -> None:
        if self.is_host and not self._warned:
            self._warned = True
            log.warning(ESXI_HOST, vcenter=self.host)

    @property
    def api_version(self) -> str:
        """The vSphere API version in use, ``8.0.3.0``."""
        return str(self.content.about.apiVersion)

    @property
    def instance_uuid(self) -> str:
        """Which vCenter this is, whatever its address."""
        return str(self.content.about.instanceUuid)

    def current_time(self) -> datetime:
        """vCenter's clock; the local one never decides where to read."""
        with vcenter_errors(self.host):
            time: datetime = vim.ServiceInstance("ServiceInstance", self.stub).CurrentTime()
        return time

    def categories(self) -> dict[str, str]:
        """vCenter's own category (info, warning, error, user) of each event class and event type id."""
        pc = vmodl.query.PropertyCollector
        manager = self.content.eventManager
        wanted = pc.FilterSpec(
            propSet=[pc.PropertySpec(type=vim.event.EventManager, pathSet=["description.eventInfo"])],
            objectSet=[pc.ObjectSpec(obj=manager)],
        )
        # Undecoded, since pyVmomi would fail on the first class of a newer vCenter that it does not know.
        collector = self.content.propertyCollector
        with vcenter_errors(self.host):
            answer = self.stub.call_raw(collector, "RetrievePropertiesEx", [wanted], pc.RetrieveOptions())
        return decode_categories(answer)
