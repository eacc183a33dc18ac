"""The settings of ``vcenter-source dead-letters receive``."""

from typing import Annotated

from pydantic import Field

from vcenter_source.settings.environment import either
from vcenter_source.settings.serving import EventServerSettings, ViewerSettings
from vcenter_source.settings.source import ReplaySettings


class ReceiverServerSettings(EventServerSettings):
    """Where dead letters are accepted, and the limits for them."""

    max_body_bytes: Annotated[int, either("MAX_BODY_BYTES")] = Field(default=8 * 1024 * 1024, ge=1)
    """The largest letter that is read, in bytes; the adapter's own may be larger than what a Broker accepts."""


class ReceiverSettings(ReplaySettings):
    """Everything that can be set for ``vcenter-source dead-letters receive``."""

    server: ReceiverServerSettings
    viewer: ViewerSettings
