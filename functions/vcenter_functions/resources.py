"""What handlers are given beside their event, made when first asked for and closed at the end."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from vcenter_functions.errors import SettingsError
from vcenter_functions.server_settings import ServerSettings
from vcenter_functions.setting_values import describe_wrong_value
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.targets import Targets

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_functions.traced_http import TracedClient, TracedSyncClient
    from vcenter_functions.tracing import Tracing
    from vcenter_functions.vcenter.api import VCenter
    from vcenter_functions.vcenter.sessions import VCenters


class Resources:
    """vCenter, the HTTP clients and the handlers' own settings. ``name`` is the function's."""

    def __init__(
        self,
        name: str,
        settings: ServerSettings,
        tracing: "Tracing",
        own: dict[type[BaseSettings], BaseSettings] | None = None,
    ) -> None:
        self._name = name
        self._targets = Targets(settings) if isinstance(settings, FunctionSettings) else None
        self._tracing = tracing
        self._own = own or {}

    def settings_of(self, settings_class: type[BaseSettings] | None) -> Any:
        """Return a handler's own settings, which were read at the start."""
        return self._own[settings_class] if settings_class else None

    def find_vcenter(self, source: str) -> "VCenter":
        """Return the vCenter that an event's source names. Raises OtherVcenterError for one that is not configured."""
        if self._vcenters is None:
            raise SettingsError("VCENTER_URL: not set")
        return self._vcenters.of(source)

    def check_source(self, event: "BaseCloudEvent") -> str:
        """Return the name of the vCenter that an event is of, empty where it has none.

        Raises OtherVcenterError for one that is not configured; without any, events of every source are accepted.
        """
        return self._targets.find_of(event).name if self._targets is not None else ""

    async def check(self) -> str:
        """Return what there is to say of each vCenter if one, where there are any, accepts our session.

        Raises TemporaryError, PermanentError.
        """
        return await self._vcenters.check() if self._vcenters is not None else ""

    async def close(self) -> None:
        """Log out, and close the connections."""
        if "_vcenters" in self.__dict__ and self._vcenters is not None:
            await self._vcenters.close()
        if "http" in self.__dict__:
            await self.http.aclose()
        if "sync_http" in self.__dict__:
            self.sync_http.close()

    @cached_property
    def http(self) -> "TracedClient":
        """The HTTP client of handlers that are an ``async def``."""
        from vcenter_functions.traced_http import TracedClient  # it reads the system's authorities

        return TracedClient(self._tracing)

    @cached_property
    def sync_http(self) -> "TracedSyncClient":
        """The HTTP client of handlers that are a ``def``."""
        from vcenter_functions.traced_http import TracedSyncClient

        return TracedSyncClient(self._tracing)

    @cached_property
    def _vcenters(self) -> "VCenters | None":
        from vcenter_functions.vcenter.sessions import VCenters

        return VCenters(self._targets, self._tracing, name=self._name) if self._targets is not None else None


def load_own_settings(settings_class: type[BaseSettings]) -> BaseSettings:
    """Read a handler's own settings from the environment. Raises SettingsError, every wrong one in one line."""
    if issubclass(settings_class, ServerSettings):
        return settings_class.load()
    try:
        return settings_class()
    except ValidationError as exc:
        prefix = settings_class.model_config.get("env_prefix", "")
        raise SettingsError("; ".join(_explain(error, prefix) for error in exc.errors())) from exc


def _explain(error: ErrorDetails, prefix: str) -> str:
    """Say which variable is wrong, and why. The value may be a secret."""
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    why = "not set" if error["type"] == "missing" else describe_wrong_value(error)
    return f"{prefix}{error['loc'][0]}".upper() + f": {why}"
