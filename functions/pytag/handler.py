"""What pytag does with one CloudEvent of its vCenter's: find the object that it is about, and tag it.

It knows nothing of HTTP servers.
"""

import asyncio
from typing import TYPE_CHECKING, Literal

import structlog

from vcenter_functions.errors import VcenterUnavailableError
from vcenter_functions.event import Reference, find_object

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from pytag.origin import Origin
    from pytag.tagging import Tagger

_log = structlog.get_logger()


class Handler:
    """Attaches, or detaches, the tag. A repeated event changes nothing, as vCenter's two operations promise."""

    def __init__(self, tagger: "Tagger", action: Literal["attach", "detach"], timeout: float, origin: "Origin") -> None:
        self._origin = origin
        self._tagger = tagger
        self._action = action
        self._timeout = timeout

    async def handle(self, event: "BaseCloudEvent") -> Reference:
        """Tag the object, and return it. Raises RetryableError, also when time is up, and PermanentError."""
        self._origin.check(event)
        reference = find_object(event)
        act = self._tagger.attach if self._action == "attach" else self._tagger.detach
        try:
            async with asyncio.timeout(self._timeout):
                await act(reference)
        except TimeoutError as exc:
            raise VcenterUnavailableError(f"vCenter took longer than TIMEOUT={self._timeout:g} seconds") from exc
        _log.info(f"tag {self._action}ed", object=str(reference), type=event.get_type())
        return reference
