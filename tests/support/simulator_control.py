"""The simulator's login and its remote control."""

from typing import Any

from tests.support import loopback
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator

LOGIN = {"VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD}


def control(simulator: Simulator, what: str, **body: Any) -> None:
    """Do something by the simulator's remote control; ``what`` is a path below /simulator."""
    loopback.post(f"{simulator.base}/simulator/{what}", json=body).raise_for_status()


def post_events(simulator: Simulator, count: int = 1) -> None:
    control(simulator, "events", count=count)


def posted_events(simulator: Simulator) -> list[dict[str, Any]]:
    """Every event that vCenter has, in the order of posting."""
    events: list[dict[str, Any]] = loopback.get(f"{simulator.base}/simulator/events").json()
    return events


def set_fault(simulator: Simulator, **fields: Any) -> None:
    control(simulator, "faults", **fields)


def end_faults(simulator: Simulator) -> None:
    loopback.delete(f"{simulator.base}/simulator/faults").raise_for_status()


def read_state(simulator: Simulator) -> dict[str, Any]:
    """What is there now: sessions, collectors, calls by method name."""
    state: dict[str, Any] = loopback.get(f"{simulator.base}/simulator/state").json()
    return state
