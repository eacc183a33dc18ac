"""What display does with one CloudEvent: print it."""

from collections.abc import Mapping

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat

from vcenter_functions.http_limits import BodyLimit
from vcenter_functions.server import Service

BODY_LIMIT = BodyLimit(max_bytes=8 * 1024 * 1024, seconds=30.0)
"""More than any Broker passes on; the adapter's own dead letters may be larger than what the Broker accepted."""


async def show(event: BaseCloudEvent, _: Mapping[str, str]) -> None:
    """Print an event as one line of JSON."""
    print(to_structured(event, JSONFormat()).body.decode(), flush=True)  # noqa: T201  what it is for


DISPLAY = Service(show, BODY_LIMIT)
