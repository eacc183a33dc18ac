"""The vCenters that a function may act in, and what it can do there."""

from vcenter_functions.origin import parse_source
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.rest import Rest
from vcenter_functions.vcenter.tags import Tags
from vcenter_functions.vcenter.transport import create_http_client


class VCenter:
    """One vCenter: ``tags`` on its objects, and ``rest`` for any other call.

    It logs in when it is first needed, and again when vCenter has ended the session. Calls raise TemporaryError and
    PermanentError, which a handler can let through. ``maker`` is named in what it creates.
    """

    def __init__(self, client: VcenterClient, tracing: Tracing, *, maker: str = "vcenter-source") -> None:
        self._client = client
        self.rest = Rest(client)
        self.tags = Tags(client, tracing, maker=maker)

    async def check(self) -> None:
        """Return if vCenter accepts our session, or opens one. Raises TemporaryError, PermanentError."""
        await self._client.check()

    async def close(self) -> None:
        """Log out, and close the connections."""
        await self._client.close()


class VCenters:
    """The vCenters of a function's settings: today the one of ``VCENTER_URL``."""

    def __init__(
        self, settings: FunctionSettings, tracing: Tracing | None = None, *, name: str = "vcenter-source"
    ) -> None:
        """Raises SettingsError for a proxy that cannot be used. ``name`` is the function's."""
        tracing = tracing or Tracing(name)
        self._origin = settings.origin
        client = VcenterClient(create_http_client(settings), settings.credentials, tracing)
        self.own = VCenter(client, tracing, maker=name)

    def of(self, source: str) -> VCenter:
        """Return the vCenter that an event's ``source`` names, or the own one where it names no server.

        Raises OtherVcenterError for one that is not configured: an object's id means another object there.
        """
        self._origin.check_server(parse_source(source))
        return self.own

    async def check(self) -> None:
        """Return if every vCenter accepts our session. Raises TemporaryError, PermanentError."""
        await self.own.check()

    async def close(self) -> None:
        """Log out, and close the connections."""
        await self.own.close()
