"""What the tests of the room that talks to vCenter need: a session, a client, and the simulator's controls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from adapter.tls import Authorities
from adapter.vcenter.client import Vcenter
from adapter.vcenter.session import Session
from adapter.vcentersettings import Credentials
from simulator.accounts import ADMINISTRATOR, PASSWORD
from simulator.server import Running
from tests import loopback


def session(url: str, password: str = PASSWORD, ca_file: Path | None = None) -> Session:
    return Session(url, lambda: Credentials(ADMINISTRATOR, SecretStr(password)), Authorities(ca_file))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Vcenter]:
    vcenter = Vcenter(session(url))
    try:
        await vcenter.connect()
        yield vcenter
    finally:
        await vcenter.close()


def post(simulator: Running, count: int) -> None:
    loopback.post(f"{simulator.base}/simulator/events", json={"count": count}).raise_for_status()


def fault(simulator: Running, **fields: object) -> None:
    loopback.post(f"{simulator.base}/simulator/faults", json=fields).raise_for_status()


def state(simulator: Running) -> dict[str, Any]:
    answer: dict[str, Any] = loopback.get(f"{simulator.base}/simulator/state").json()
    return answer
