"""The vCenters that a function may act in, and what it can do there."""

from typing import Any

from vcenter_functions.origin import parse_source
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.alarms import Alarms
from vcenter_functions.vcenter.attributes import Attributes
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.rest import Rest
from vcenter_functions.vcenter.soap import Soap
from vcenter_functions.vcenter.tags import Reference, Tags, require_object
from vcenter_functions.vcenter.transport import create_http_client


class VCenter:
    """One vCenter: ``tags``, ``attributes`` and ``alarms`` of its objects, ``rest`` and ``soap`` for any other call.

    It logs in when it is first needed, and again when vCenter has ended the session. Calls raise TemporaryError and
    PermanentError, which a handler can let through. ``maker`` is named in what it creates.
    """

    def __init__(self, client: VcenterClient, soap: Soap, tracing: Tracing, *, maker: str = "vcenter-source") -> None:
        self._client = client
        self._tracing = tracing
        self.rest = Rest(client)
        self.soap = soap
        self.tags = Tags(client, tracing, maker=maker)
        self.attributes = Attributes(soap, tracing)
        self.alarms = Alarms(soap, tracing)

    async def properties(self, reference: Reference, *names: str) -> dict[str, Any]:
        """Return properties of an object: ``await vcenter.properties(event.subject, "name", "runtime.powerState")``.

        Values are plain: a data object is a dict, an object of the inventory a ManagedObjectReference, and what is not
        set is None.
        """
        target = require_object(reference)

        def work(content: Any) -> dict[str, Any]:
            from vcenter_functions.vcenter.objects import read_properties

            return read_properties(content, target, names)

        with self._tracing.step_span("read properties", {"vsphere.properties": names}, target):
            return await self.soap(work)

    async def check(self) -> None:
        """Return if vCenter accepts our session, or opens one. Raises TemporaryError, PermanentError."""
        await self._client.check()

    async def close(self) -> None:
        """Log out, and close the connections."""
        await self.soap.close()
        await self._client.close()


class VCenters:
    """The vCenters of a function's settings: today the one of ``VCENTER_URL``."""

    def __init__(
        self, settings: FunctionSettings, tracing: Tracing | None = None, *, name: str = "vcenter-source"
    ) -> None:
        """Raises SettingsError for a proxy that cannot be used. ``name`` is the function's."""
        tracing = tracing or Tracing(name)
        self._origin = settings.origin
        account = Account(settings.credentials)
        client = VcenterClient(create_http_client(settings), account, tracing)
        self.own = VCenter(client, Soap(settings, account, tracing), tracing, maker=name)

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
