"""vCenter as handlers are given it: the one that their event is of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vcenter_functions.origin import parse_source
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.transport import create_http_client

if TYPE_CHECKING:
    from vcenter_functions.settings import FunctionSettings
    from vcenter_functions.tracing import Tracing


@dataclass(frozen=True, slots=True)
class VCenter:
    """A vCenter: its session over REST."""

    client: VcenterClient


class VCenters:
    """The vCenters that a function may act in."""

    def __init__(self, settings: "FunctionSettings", tracing: "Tracing") -> None:
        self._origin = settings.origin
        self._vcenter = VCenter(VcenterClient(create_http_client(settings), settings.credentials, tracing))

    def of(self, source: str) -> VCenter:
        """Return the vCenter that a CloudEvent's source names. Raises OtherVcenterError for any other."""
        self._origin.check_server(parse_source(source))
        return self._vcenter

    async def check(self) -> None:
        """Return if each accepts our session. Raises TemporaryError, PermanentError."""
        await self._vcenter.client.check()

    async def close(self) -> None:
        """Log out, and close the connections."""
        await self._vcenter.client.close()
