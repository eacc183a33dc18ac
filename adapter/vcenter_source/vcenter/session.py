"""The session with vCenter: log in, check that it lives, leave nothing behind. The wire is SOAP's or VI/JSON's."""

import math
import uuid
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPException
from importlib.metadata import version
from urllib.parse import urlsplit

import structlog
from pyVmomi import vim

from vcenter_functions.login import Credentials, Refusals
from vcenter_functions.net.tls import Authorities
from vcenter_functions.vcenters_file import VARIABLES, Protocol, SettingNames
from vcenter_source.core.errors import (
    AuthenticationError,
    ConfigurationError,
    SessionLostError,
    VcenterRefusedError,
    VcenterSourceError,
    VcenterUnavailableError,
)
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.vcenter.connector import Connector
from vcenter_source.vcenter.failures import describe_refusal, vcenter_errors
from vcenter_source.vcenter.leftovers import CLEANUP_TIMEOUT, Leftovers
from vcenter_source.vcenter.soap import SoapWire
from vcenter_source.vcenter.wire import Disposable, Product, StatusError, UnknownFaultError, Wire

log = structlog.get_logger()

ESXI_HOST = "an ESXi host, not a vCenter: only its own events come; set VCENTER_URL to the vCenter that manages it"
"""What to say about an ESXi host's address."""


class Session:
    """The one session that this process holds with a vCenter.

    ``credentials`` is called at every log-in, so that rotated ones are picked up, ``authorities`` for every connection,
    and ``on_log_in`` with vCenter's clock after each log-in. ``refusals`` outlive the session, ``names`` are what its
    settings are called, and ``protocol`` is how vCenter is spoken to.
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
        protocol: Protocol = "soap",
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
        self.proxy = find_vcenter_proxy(url)
        self._connector = Connector(
            f"{parts.scheme}://{self.host}",
            authorities if parts.scheme == "https" else None,
            self._user_agent,
            self.proxy,
            protocol,
            names,
        )
        self._wire: Wire | None = None
        self._product: Product | None = None
        self._instance_uuid: str | None = None
        self._unclean = False
        self._leftovers = Leftovers()
        self._login_lost = False
        self._warned = False

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Map what a call of this vCenter raises to ``vcenter_source.core.errors``."""
        try:
            with vcenter_errors(self.host, self._names):
                yield
        except VcenterSourceError as exc:
            if self._connector.give_up_json(exc):
                self._unclean = True  # the next session speaks SOAP
            raise

    @property
    def wire(self) -> Wire:
        """What the session speaks. Raises SessionLostError before the first log-in, and after a failed one."""
        if self._wire is None:
            raise SessionLostError(f"not logged in to vCenter {self.host}")
        return self._wire

    @property
    def soap(self) -> SoapWire:
        """The same, for what is asked by SOAP only."""
        wire = self.wire
        if not isinstance(wire, SoapWire):
            raise TypeError("this session does not speak SOAP")
        return wire

    async def log_in(self) -> None:
        """End the present session if there is one, connect, agree on the API version, and log in.

        Raises the failures of ``vcenter_source.core.errors``.
        """
        try:
            await self._log_in()
        except VcenterSourceError:
            if not self._unclean:
                raise
            await self._log_in()  # by SOAP, see ``errors``

    async def _log_in(self) -> None:
        credentials = self._credentials()
        self._check_pause(credentials)
        await self._abandon_session()
        with self.errors():
            wire, product = await self._connector.connect()
            try:
                self._check_same_vcenter(product)
                await self._authenticate(wire, credentials)
            except BaseException:
                await wire.close()
                raise
        self._wire, self._product = wire, product
        self._warn_of_host()
        await self._end_strays()
        self._on_log_in(await self.current_time())
        log.info(
            "logged in to vCenter",
            host=self.host,
            api_version=self.api_version,
            protocol=wire.name,
            username=credentials.username,
        )

    def _check_same_vcenter(self, product: Product) -> None:
        """Raise VcenterUnavailableError for another vCenter than before: in its events our position means nothing."""
        if self._instance_uuid not in {None, product.instance_uuid}:
            raise VcenterUnavailableError(
                f"{self.host} is another vCenter now, with instance uuid {product.instance_uuid}; "
                f"waiting for {self._instance_uuid}"
            )
        self._instance_uuid = product.instance_uuid

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

    async def _authenticate(self, wire: Wire, credentials: Credentials) -> None:
        try:
            await wire.log_in(credentials.username, credentials.password.get_secret_value())
        except (vim.fault.InvalidLogin, UnknownFaultError):  # an unknown fault may count as a refusal, too
            self._refusals.note(credentials)
            raise
        except (OSError, HTTPException, CancelledError):  # a session may exist now; only an earlier id identifies it
            self._login_lost = not wire.has_session
            self._leftovers.add_session(wire)
            raise
        self._refusals.forget()

    async def ensure(self) -> None:
        """Log in unless the session is still alive. Raises VcenterUnavailableError if that cannot be found out.

        A session that does not answer may be alive: a new one for each interruption of the network would add up.
        """
        if self._wire is not None and not self._unclean and await self._is_alive(self._wire):
            await self._leftovers.free_objects()
            if not self._leftovers.has_too_many:
                return
        await self.log_in()

    async def _is_alive(self, wire: Wire) -> bool:
        try:
            with self.errors():
                return await wire.is_logged_in()
        except (SessionLostError, VcenterRefusedError):
            return False
        except VcenterUnavailableError as exc:
            if isinstance(exc.__cause__, OSError | HTTPException) and not isinstance(exc.__cause__, StatusError):
                raise
            return False  # not the answer of a live session: a new one may do better

    @property
    def is_unclean(self) -> bool:
        """Whether ``ensure`` will begin a new session."""
        return self._unclean

    def mark_unclean(self) -> None:
        """Let ``ensure`` end this session: it may hold an object that we do not know."""
        self._unclean = True

    async def free(self, objects: Iterable[Disposable]) -> None:
        """Destroy objects of this session, now or later. Never fails."""
        self._leftovers.add(objects)
        await self._leftovers.free_objects()

    async def _abandon_session(self) -> None:
        """End this session, and those that could not be ended before. What fails now is tried again later."""
        if self._wire is not None:
            self._leftovers.add_session(self._wire)
        self._wire, self._unclean = None, False
        await self._leftovers.end_sessions()

    async def _end_strays(self) -> None:
        """End a session whose log-in was never answered, if the account may: we do not know its key."""
        lost, self._login_lost = self._login_lost, False
        if not lost:
            return
        try:
            await self.wire.end_twins(self._user_agent, CLEANUP_TIMEOUT)
        except Exception as exc:  # noqa: BLE001  whatever it is, vCenter ends them in the end
            log.warning("a log-in was not answered; its session may live until it expires", reason=str(exc))

    async def log_out(self) -> None:
        """End the session, so that it does not have to expire. Never fails."""
        await self._abandon_session()

    @property
    def product(self) -> Product:
        """What this vCenter is. Raises SessionLostError before the first log-in."""
        if self._product is None:
            raise SessionLostError(f"not logged in to vCenter {self.host}")
        return self._product

    @property
    def is_host(self) -> bool:
        """Whether this is an ESXi host, not a vCenter."""
        return self.product.api_type == "HostAgent"

    def _warn_of_host(self) -> None:
        if self.is_host and not self._warned:
            self._warned = True
            log.warning(ESXI_HOST, host=self.host)

    @property
    def api_version(self) -> str:
        """The vSphere API version in use, ``8.0.3.0``."""
        return self.product.api_version

    @property
    def instance_uuid(self) -> str:
        """The id of this vCenter, whatever its address."""
        return self.product.instance_uuid

    async def current_time(self) -> datetime:
        """Read vCenter's clock; the local clock never decides where to read."""
        with self.errors():
            return await self.wire.read_time()

    async def categories(self) -> dict[str, str]:
        """Read vCenter's category (info, warning, error, user) of each event class and event type id."""
        with self.errors():
            return await self.wire.read_categories()
