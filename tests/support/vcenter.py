"""What the tests of the room that talks to vCenter need: a session, a client, and a stream of events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from vcenter_functions.login import Credentials
from vcenter_functions.net.tls import Authorities
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.event import Event, Gap
from vcenter_source.pipeline.cursor import ReadCursor
from vcenter_source.pipeline.reader import EventReader
from vcenter_source.state.checkpoint import OffsetTracker
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.session import Session

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs one coroutine after another in the same event loop."""

SOON = Backoff(base=0.004, longest=0.004, random=lambda: 1.0)


def session(url: str, password: str = PASSWORD, ca_file: Path | None = None, *, protocol: Protocol = "soap") -> Session:
    credentials = Credentials(ADMINISTRATOR, SecretStr(password))
    return Session(url, lambda: credentials, Authorities(ca_file), protocol=protocol)


@asynccontextmanager
async def vcenter_client(url: str, protocol: Protocol = "soap") -> AsyncIterator[Vcenter]:
    vcenter = Vcenter(session(url, protocol=protocol))
    try:
        await vcenter.connect()
        yield vcenter
    finally:
        await vcenter.close()


def read_events(vcenter: Vcenter) -> AsyncGenerator[Event | Gap, None]:
    """Events as a running adapter reads them, from the oldest on, soon again after a failure."""
    tracker = OffsetTracker("uuid", None)
    return EventReader(vcenter, ReadCursor(None), (), SOON, asyncio.sleep, tracker).events()
