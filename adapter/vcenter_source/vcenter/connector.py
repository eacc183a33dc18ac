"""Connect to a vCenter by SOAP or by VI/JSON, as VCENTER_PROTOCOL says and vCenter offers."""

from dataclasses import dataclass
from http.client import HTTPException

import structlog
from pyVmomi import vmodl

from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.tls import Authorities
from vcenter_functions.vcenters_file import Protocol, SettingNames
from vcenter_source.core.errors import VcenterSourceError, VcenterUnavailableError
from vcenter_source.vcenter.soap import SoapWire
from vcenter_source.vcenter.stub import Stub
from vcenter_source.vcenter.wire import NotOfferedError, Product, StatusError, UnknownFaultError, Wire

log = structlog.get_logger()


_NOT_STARTED = frozenset({502, 503, 504})
_PASSING = frozenset({401, 403, 407, 408, 429, *_NOT_STARTED})
"""Statuses that say nothing of the protocol."""


@dataclass(slots=True)
class Connector:
    """Opens a wire for each log-in to the vCenter at ``base``, an address without a path.

    ``authorities`` is None for plain HTTP. ``names`` are what the settings are called.
    """

    base: str
    authorities: Authorities | None
    user_agent: str
    proxy: Proxy | None
    protocol: Protocol
    names: SettingNames
    _is_json: bool = False
    """Whether VI/JSON was spoken last."""
    _broken: str = ""
    """Why VI/JSON is not spoken any more, though it is offered."""
    _said: str = ""
    """Why SOAP was spoken instead the last time."""

    async def connect(self) -> tuple[Wire, Product]:
        """Connect, and return what vCenter is.

        Raises what a wire raises, and VcenterUnavailableError if VI/JSON is required and not offered.
        """
        self._is_json, reason = self.protocol != "soap" and not self._broken, ""
        if self._is_json:
            try:
                return await _connect(self.open_json())
            except NotOfferedError as exc:
                self._is_json, reason = False, str(exc)
                self._refuse_soap(exc)
        connected = await _connect(self.open_soap())
        if reason:
            self._note_soap(reason)
        return connected

    def _refuse_soap(self, why: NotOfferedError) -> None:
        """Raise if VI/JSON alone may be spoken: VcenterUnavailableError, or what a vCenter answers as it starts."""
        if self.protocol == "json":
            if isinstance(why.__cause__, StatusError) and why.__cause__.status in _NOT_STARTED:
                raise why.__cause__
            advice = f"set {self.names.protocol} to auto or soap, or check {self.names.url}"
            raise VcenterUnavailableError(f"vCenter {self._host} does not offer VI/JSON: {why}; {advice}") from why

    def give_up_json(self, failure: VcenterSourceError) -> bool:
        """Speak SOAP from now on if VI/JSON is to blame for a failure and need not be spoken; return whether it is so.

        vCenter did not understand us, or we did not understand vCenter: the same will happen each time.
        """
        if self.protocol != "auto" or not self._is_json or not is_misunderstanding(failure.__cause__):
            return False
        self._is_json, self._broken = False, str(failure)
        log.warning("VI/JSON does not work with this vCenter, speaking SOAP", host=self._host, reason=self._broken)
        return True

    def _note_soap(self, reason: str) -> None:
        """Log once for each reason that VI/JSON is not offered."""
        if reason != self._said:
            log.info("vCenter does not offer VI/JSON, speaking SOAP", host=self._host, reason=reason)
        self._said = reason

    @property
    def _host(self) -> str:
        return self.base.partition("://")[2]

    def open_soap(self) -> SoapWire:
        """Open a wire that speaks SOAP."""
        return SoapWire(self._open_stub)

    def _open_stub(self, api_version: str) -> Stub:
        url = f"{self.base}/sdk"
        return Stub(self.authorities, self.user_agent, self.proxy, version=api_version, url=url)

    def open_json(self) -> Wire:
        """Open a wire that speaks VI/JSON."""
        from vcenter_source.vcenter.vijson.http import JsonClient  # aiohttp takes 80 ms to load
        from vcenter_source.vcenter.vijson.wire import JsonWire

        return JsonWire(JsonClient(self.base, self.authorities, self.user_agent, self.proxy))


def is_misunderstanding(cause: BaseException | None) -> bool:
    """Say whether this is neither a failure of the network nor an answer that may change by itself."""
    if isinstance(cause, StatusError):
        return cause.status not in _PASSING
    if isinstance(cause, OSError | HTTPException | UnknownFaultError | None):
        return False
    refused = (vmodl.fault.InvalidArgument, vmodl.fault.NotSupported, vmodl.fault.InvalidRequest)
    return not isinstance(cause, vmodl.MethodFault) or isinstance(cause, refused)


async def _connect(wire: Wire) -> tuple[Wire, Product]:
    """Connect; a wire that cannot is closed."""
    try:
        return wire, await wire.connect()
    except BaseException:
        await wire.close()
        raise
