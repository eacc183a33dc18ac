"""``vcenter.soap``: any call of vCenter's SOAP API, with pyVmomi, in a thread."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from vcenter_functions.errors import FunctionError
from vcenter_functions.target import Target
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.transport import find_route

if TYPE_CHECKING:
    from vcenter_functions.vcenter.soap_session import SoapSession

T = TypeVar("T")
MAX_THREADS = 8
"""How many SOAP calls of a function run at the same time; others wait."""
LOG_OUT_SECONDS = 5.0


class Soap:
    """Runs work with pyVmomi: ``await vcenter.soap(lambda content: content.about.fullName)``.

    ``content`` is the ServiceInstanceContent of a session that is opened when it is first needed. If vCenter has ended
    it, the work is done once more, from its beginning, in a new one. It should return plain values: pyVmomi reads an
    object's properties over the network when they are asked for, which belongs in the thread. pyVmomi takes time and
    memory to import, so that waits until here.
    """

    def __init__(self, target: Target, account: Account, tracing: Tracing) -> None:
        self._target = target
        self._account = account
        self._tracing = tracing
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="soap")
        self._lock = threading.Lock()
        self._session: SoapSession | None = None

    async def __call__(self, work: Callable[[Any], T]) -> T:
        """Return what the work returns. Raises TemporaryError, PermanentError for vCenter's faults."""
        return await self._run(lambda: self._get_session().call(work))

    async def close(self) -> None:
        """Log out, if vCenter answers in time."""
        if self._session is not None:
            with suppress(FunctionError, TimeoutError):  # the session then ends by itself
                async with asyncio.timeout(LOG_OUT_SECONDS):
                    await self._run(self._session.close)
        self._threads.shutdown(wait=False)

    async def _run(self, call: Callable[[], T]) -> T:
        """Make a call in a thread, where its spans lie beneath the present one."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(call))

    def _get_session(self) -> "SoapSession":
        from vcenter_functions.vcenter.soap_session import SoapSession  # pyVmomi

        with self._lock:
            if self._session is None:
                self._session = SoapSession(find_route(self._target), self._account, self._tracing)
            return self._session
