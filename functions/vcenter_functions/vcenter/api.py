"""What a function can do in a vCenter."""

from collections.abc import Callable
from typing import Any

from vcenter_functions.login import Credentials
from vcenter_functions.target import Target
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


def open_vcenter(
    target: Target, credentials: Callable[[], Credentials], tracing: Tracing, *, maker: str = "vcenter-source"
) -> VCenter:
    """Return a vCenter that logs in when it is first needed, with these credentials, which may change.

    Raises SettingsError for a proxy that cannot be used.
    """
    names = target.setting_names
    account = Account(credentials, names)
    client = VcenterClient(create_http_client(target), account, tracing, names)
    return VCenter(client, Soap(target, account, tracing), tracing, maker=maker)
