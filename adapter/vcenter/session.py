"""A session with vCenter: log in, see whether it still lives, log in again. It blocks: see ``client``."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import structlog
from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetServiceVersions, versionIdMap

from adapter.errors import (
    AuthenticationError,
    CertificateError,
    SessionLostError,
    VcenterRefusedError,
    VcenterSourceError,
    VcenterUnavailableError,
)
from adapter.tls import Authorities, objection, remedy
from adapter.vcenter.decode import decode_categories
from adapter.vcenter.stub import Stub
from adapter.vcentersettings import Credentials

log = structlog.get_logger()

LOGIN_PAUSE = 60.0
"""Seconds before credentials that were refused are tried again unchanged: a few refusals in a row lock an account."""

OLDEST_VERSION = "vim.version.version9"
"""vSphere 5.5: what is spoken until vCenter has told its version."""


class Session:
    """The one session that this process holds with a vCenter.

    ``credentials`` is asked at every log-in, so that rotated ones are picked up, and ``authorities`` for every
    connection; ``logged_in`` is told of each, with
    vCenter's clock. ``clock`` is monotonic, in seconds. The content and the collectors are pyVmomi's objects and stay
    within ``adapter.vcenter``.
    """

    def __init__(
        self,
        url: str,
        credentials: Callable[[], Credentials],
        authorities: Authorities,
        logged_in: Callable[[datetime], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.rpartition("@")[2]
        self._credentials = credentials
        self._logged_in = logged_in
        self._clock = clock
        self._refused: tuple[Credentials, float] | None = None
        self._options = {"url": f"{parts.scheme}://{self.host}/sdk"}
        self._authorities = authorities if parts.scheme == "https" else None
        self.stub = self._connect(OLDEST_VERSION)
        self.content: Any = None
        self._instance_uuid: str | None = None

    def _connect(self, version: str) -> Stub:
        return Stub(self._authorities, version=version, **self._options)

    def log_in(self) -> None:
        """Connect, agree on the API version and log in. Raises the failures of ``adapter.errors``."""
        with vcenter_errors(self.host):
            about = self._retrieve_content().about
            self.stub.DropConnections()
            self.stub = self._connect(best_version(about.apiVersion))
            self.content = self._of_the_same(self._retrieve_content())
            username = self._authenticate()
        self._logged_in(self.current_time())
        log.info("logged in to vCenter", vcenter=self.host, api_version=about.apiVersion, username=username)

    def _retrieve_content(self) -> Any:
        content = vim.ServiceInstance("ServiceInstance", self.stub).RetrieveContent()
        if not isinstance(content, vim.ServiceInstanceContent):
            raise VcenterUnavailableError(f"{self.host} does not answer like a vCenter; check VCENTER_URL")
        return content

    def _of_the_same(self, content: Any) -> Any:
        """The content, if it is of the vCenter that we began with: in another's events our place means nothing."""
        found = str(content.about.instanceUuid)
        if self._instance_uuid not in {None, found}:
            raise VcenterUnavailableError(
                f"{self.host} is another vCenter now, with instance uuid {found}; waiting for {self._instance_uuid}"
            )
        self._instance_uuid = found
        return content

    def _authenticate(self) -> str:
        """Log in with the credentials as they are now; returns the user name."""
        credentials, now = self._credentials(), self._clock()
        if self._refused is not None and self._refused[0] == credentials and now - self._refused[1] < LOGIN_PAUSE:
            raise AuthenticationError(refusal(self.host))
        try:
            self.content.sessionManager.Login(credentials.username, credentials.password.get_secret_value())
        except vim.fault.InvalidLogin:
            self._refused = (credentials, now)
            raise
        return credentials.username

    def ensure(self) -> None:
        """Log in unless the session is still alive."""
        if self.content is not None:
            with suppress(SessionLostError, VcenterUnavailableError), vcenter_errors(self.host):
                if self.content.sessionManager.currentSession is not None:
                    return
        self.log_in()

    def log_out(self) -> None:
        """End the session, so that vCenter need not wait for it to expire. Never fails."""
        with suppress(Exception):
            self.content.sessionManager.Logout()
        self.stub.DropConnections()

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
            answer = self.stub.raw(collector, "RetrievePropertiesEx", [wanted], pc.RetrieveOptions())
        return decode_categories(answer)


def best_version(api_version: str) -> str:
    """The newest version that both pyVmomi and a vCenter of ``api_version`` speak."""
    wanted = numbers(api_version)
    for version in GetServiceVersions("vim25"):  # newest first
        known = numbers(versionIdMap[version])
        if known and known <= wanted:
            return str(version)
    return OLDEST_VERSION


def numbers(version_id: str) -> tuple[int, ...]:
    """``8.0.3.0`` as numbers; empty for the internal ids that are none."""
    parts = version_id.split(".")
    return tuple(map(int, parts)) if all(map(str.isdigit, parts)) else ()


@contextmanager
def vcenter_errors(host: str) -> Iterator[None]:
    """Map what pyVmomi, TLS and sockets raise to ``adapter.errors``."""
    try:
        yield
    except VcenterSourceError:
        raise
    except vim.fault.InvalidLogin as exc:
        raise AuthenticationError(refusal(host)) from exc
    except (vim.fault.NotAuthenticated, vmodl.fault.ManagedObjectNotFound) as exc:
        raise SessionLostError(f"vCenter {host} has ended the session") from exc
    except vim.fault.NoPermission as exc:
        raise VcenterRefusedError(
            f"vCenter {host} refuses: the account lacks {exc.privilegeId or 'a privilege'} on {exc.object}; "
            "give it the role Read-Only on the root folder, propagated"
        ) from exc
    except (vmodl.fault.InvalidArgument, vmodl.fault.NotSupported, vmodl.fault.InvalidRequest) as exc:
        raise VcenterRefusedError(f"vCenter {host} refuses a request: {message(exc)}") from exc
    except vmodl.MethodFault as exc:
        raise VcenterUnavailableError(f"vCenter {host} answers {type(exc).__name__}: {message(exc)}") from exc
    except ssl.SSLCertVerificationError as exc:
        raise CertificateError(distrust(host, exc)) from exc
    except (OSError, HTTPException) as exc:
        raise VcenterUnavailableError(f"vCenter {host} cannot be reached: {reason(exc)}; check VCENTER_URL") from exc
    except Exception as exc:  # pyVmomi raises ExpatError, KeyError and bare ones for an answer that is no vCenter's
        raise VcenterUnavailableError(f"{host} does not answer like a vCenter; check VCENTER_URL") from exc


def distrust(host: str, exc: ssl.SSLCertVerificationError) -> str:
    """What an operator reads when vCenter's certificate is refused."""
    by_hand = "set VCENTER_CA_FILE to the authority's PEM file, or VCENTER_INSECURE=true to accept any certificate"
    said = f"vCenter {host}: its certificate {objection(exc.verify_code)} ({exc.verify_message.rstrip('.')})"
    return f"{said}; {remedy(exc.verify_code, 'VCENTER_URL', by_hand)}"


def message(fault: Any) -> str:
    """A SOAP fault's own words."""
    return fault.msg or "no reason given"


def refusal(host: str) -> str:
    """What an operator reads when vCenter refuses the credentials."""
    settings = "check VCENTER_USERNAME and VCENTER_PASSWORD, or the files under VCENTER_SECRET_PATH"
    return f"vCenter {host} refuses the user name or password; {settings}"


def reason(exc: Exception) -> str:
    """An exception in words, also where it carries none."""
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
