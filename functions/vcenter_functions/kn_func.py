"""A handler.py as a function of ``kn func``, in its Python template for HTTP.

The whole ``func.py`` is:

from pathlib import Path
from vcenter_functions.kn_func import create_asgi

def new():
return create_asgi(Path(__file__).with_name("handler.py"))
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vcenter_functions.errors import FunctionError
from vcenter_functions.kit import prepare
from vcenter_functions.registry import load
from vcenter_functions.server import Service, create_app

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

CHECK_SECONDS = 5.0
"""How long an answer to ``ready`` holds."""

STOP_SECONDS = 1.0
"""How long the log-out waits for the loop's end: what runs then is cancelled, and what begins then is waited for."""


def create_asgi(path: str | Path) -> "KnFunction":
    """Load a handler.py, and return the instance that ``new()`` has to return. Raises HandlerError, SettingsError."""
    _, service = prepare(load(path))
    return KnFunction(service)


class KnFunction:
    """What kn func's middleware calls: all but ``handle`` are plain functions there, called in the event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._app = create_app(service)
        self._checked = -CHECK_SECONDS
        self._failure = "not checked yet"
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        await self._app(scope, receive, send)

    def start(self, _: Mapping[str, str]) -> None:
        """Begin to check whether vCenter answers. The environment was read before."""
        self._check_again()

    def alive(self) -> tuple[bool, str]:
        """Say that the process answers."""
        return True, "ok"

    def ready(self) -> tuple[bool, str]:
        """Say whether events could be handled a moment ago, and otherwise why not."""
        if time.monotonic() - self._checked >= CHECK_SECONDS:
            self._check_again()
        return not self._failure, self._failure or "ready"

    def stop(self) -> None:
        """Log out of vCenter, and send what is left of the trace."""
        self._start(self._close())

    def _check_again(self) -> None:
        self._checked = time.monotonic()
        self._start(self._check())

    async def _check(self) -> None:
        try:
            await self._service.check()
        except FunctionError as exc:
            self._failure = str(exc)
        else:
            self._failure = ""

    async def _close(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(STOP_SECONDS)
        await self._service.close()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself holds none of them
        task.add_done_callback(self._tasks.discard)
