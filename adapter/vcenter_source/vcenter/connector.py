"""Connect to a vCenter by SOAP or by VI/JSON, as VCENTER_PROTOCOL says and vCenter offers."""

from dataclasses import dataclass

import structlog

from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.tls import Authorities
from vcenter_functions.vcenters_file import Protocol, SettingNames
from vcenter_source.core.errors import VcenterUnavailableError
from vcenter_source.vcenter.soap import SoapWire
from vcenter_source.vcenter.stub import Stub
from vcenter_source.vcenter.vijson.http import JsonClient
from vcenter_source.vcenter.vijson.wire import JsonWire, NotOfferedError
from vcenter_source.vcenter.wire import Product, Wire

log = structlog.get_logger()


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
    _fallen_back: str = ""
    """Why SOAP was spoken instead the last time."""

    async def connect(self) -> tuple[Wire, Product]:
        """Connect, and return what vCenter is.

        Raises what a wire raises, and VcenterUnavailableError if VI/JSON is required and not offered.
        """
        if self.protocol != "soap":
            try:
                return await _connect(self.open_json())
            except NotOfferedError as exc:
                self._fall_back(exc)
        return await _connect(self.open_soap())

    def _fall_back(self, why: NotOfferedError) -> None:
        """Say once for each reason that SOAP is spoken instead, where it may be. Raises VcenterUnavailableError."""
        host, reason = self.base.partition("://")[2], str(why)
        if self.protocol == "json":
            advice = f"set {self.names.protocol} to auto or soap, or check {self.names.url}"
            raise VcenterUnavailableError(f"vCenter {host} does not offer VI/JSON: {reason}; {advice}") from why
        if reason != self._fallen_back:
            log.info("vCenter does not offer VI/JSON, speaking SOAP", host=host, reason=reason)
        self._fallen_back = reason

    def open_soap(self) -> SoapWire:
        """Open a wire that speaks SOAP."""
        return SoapWire(self._open_stub)

    def _open_stub(self, api_version: str) -> Stub:
        url = f"{self.base}/sdk"
        return Stub(self.authorities, self.user_agent, self.proxy, version=api_version, url=url)

    def open_json(self) -> JsonWire:
        """Open a wire that speaks VI/JSON."""
        return JsonWire(JsonClient(self.base, self.authorities, self.user_agent, self.proxy))


async def _connect(wire: Wire) -> tuple[Wire, Product]:
    """Connect; a wire that cannot is closed."""
    try:
        return wire, await wire.connect()
    except BaseException:
        await wire.close()
        raise
