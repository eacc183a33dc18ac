"""The simulator inside a test: a context manager that runs it in a thread of its own, on a free port, and a client."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from pyVim.connect import Disconnect, SmartConnect

from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Options, Simulator, serve

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


@contextlib.contextmanager
def run_simulator(**options: Any) -> Iterator[Simulator]:
    """Run a simulator. The options are those of ``vcenter_simulator.server.Options``.

    It lives in another thread: read its ``vcenter`` freely, but change it over HTTP (/simulator) alone. Raises
    TimeoutError where it does not end with the block.
    """
    started: queue.Queue[Simulator | BaseException] = queue.Queue()
    thread = threading.Thread(target=_run, args=(Options(**options), started.put), name="simulator", daemon=True)
    thread.start()
    outcome = started.get(timeout=_START_SECONDS)
    if isinstance(outcome, BaseException):
        raise outcome
    try:
        yield outcome
    finally:
        outcome.server.should_exit = True
        thread.join(_STOP_SECONDS)
        if thread.is_alive():
            raise TimeoutError(f"the simulator does not end within {_STOP_SECONDS:g} s")


def _run(options: Options, report: Callable[[Simulator | BaseException], None]) -> None:
    try:
        asyncio.run(serve(options, report))
    except BaseException as exc:  # noqa: BLE001  handed to the test's thread, which raises it
        report(exc)


@contextlib.contextmanager
def service_instance(simulator: Simulator, username: str = ADMINISTRATOR, password: str = PASSWORD) -> Iterator[Any]:
    """A ServiceInstance logged in by pyVmomi's own client, over http; logged out at the end."""
    host, _, port = simulator.base.partition("//")[2].partition(":")
    service = SmartConnect(protocol="http", host=host, port=int(port), user=username, pwd=password)
    try:
        yield service
    finally:
        Disconnect(service)
