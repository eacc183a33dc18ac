"""What may be left behind on vCenter and has to be ended when it answers: objects in a session, and whole sessions.

After a lost connection nobody knows which call was carried out. vCenter allows 32 collectors in a session and limits
the sessions, so whatever is forgotten adds up.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from http.client import HTTPException
from typing import TypeVar

from pyVmomi import vim, vmodl

from vcenter_source.vcenter.wire import Disposable, StatusError, Wire

T = TypeVar("T")

CLEANUP_TIMEOUT = 10.0
"""Seconds that a call may take that frees something: what is not freed now is freed later."""

MAX_LEFTOVERS = 8
"""Objects that may wait to be freed; with more, the whole session is ended, which frees them all."""


class Leftovers:
    """The objects to free in the present session, and earlier sessions that may still live."""

    def __init__(self) -> None:
        self._objects: list[Disposable] = []
        self._sessions: list[Wire] = []

    @property
    def has_too_many(self) -> bool:
        """Whether the session has to be ended to free its objects."""
        return len(self._objects) > MAX_LEFTOVERS

    def add(self, objects: Iterable[Disposable]) -> None:
        """Note objects to free."""
        self._objects.extend(objects)

    def add_session(self, wire: Wire) -> None:
        """Note a session to end, which frees its objects."""
        self._objects = []
        self._sessions[:] = [*self._sessions[1 - MAX_LEFTOVERS :], wire]

    async def free_objects(self) -> None:
        """Free the objects that can be freed now. Never fails."""
        await end_each(self._objects, destroy_object)

    async def end_sessions(self) -> None:
        """End the sessions that can be ended now. Never fails."""
        await end_each(self._sessions, end_session)


async def end_each(waiting: list[T], end: Callable[[T], Awaitable[bool]]) -> None:
    """Try to end each, and take those that have ended out of the list.

    Once vCenter cannot be reached, the rest is not tried.
    """
    left = deque(waiting)
    with suppress(OSError, HTTPException):
        while left:
            if await end(left[0]):
                waiting.remove(left[0])
            left.popleft()


async def destroy_object(destroy: Disposable) -> bool:
    """Destroy an object; return whether it is gone. Raises OSError or HTTPException without an answer."""
    try:
        await destroy(CLEANUP_TIMEOUT)
    except (vim.fault.NotAuthenticated, vmodl.fault.ManagedObjectNotFound):
        return True
    except StatusError:
        return False
    except (OSError, HTTPException):
        raise
    except Exception:  # noqa: BLE001  whatever was answered, it is tried again
        return False
    return True


async def end_session(wire: Wire) -> bool:
    """End a session; return whether it has ended. Raises as ``destroy_object``."""
    try:
        return await destroy_object(wire.log_out)
    finally:
        await wire.close()
