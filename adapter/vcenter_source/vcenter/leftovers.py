"""What may be left behind on vCenter and has to be ended when it answers: objects in a session, and whole sessions.

After a lost connection nobody knows which call was carried out. vCenter allows 32 collectors in a session and limits
the sessions, so whatever is forgotten adds up. Calls block: see ``client``.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, TypeVar

from pyVmomi import vim, vmodl

from vcenter_source.vcenter.stub import StatusError, Stub

T = TypeVar("T")

CLEANUP_TIMEOUT = 10.0
"""Seconds that a call may take that frees something: what is not freed now is freed later."""

MAX_LEFTOVERS = 8
"""Objects that may wait to be freed; with more, the whole session is ended, which frees them all."""


class Leftovers:
    """The objects to free in the present session, and earlier sessions that may still live."""

    def __init__(self) -> None:
        self._objects: list[Callable[[], Any]] = []
        self._sessions: list[tuple[Stub, Any]] = []

    @property
    def has_too_many(self) -> bool:
        """Whether the session has to be ended to free its objects."""
        return len(self._objects) > MAX_LEFTOVERS

    @property
    def stubs(self) -> list[Stub]:
        """The stubs of the sessions that may still live."""
        return [stub for stub, _ in self._sessions]

    def add(self, destroy: Iterable[Callable[[], Any]]) -> None:
        """Note objects to free, by these calls."""
        self._objects.extend(destroy)

    def add_session(self, stub: Stub, content: Any) -> None:
        """Note a session to end, which frees its objects."""
        self._objects = []
        self._sessions = [*self._sessions[1 - MAX_LEFTOVERS :], (stub, content)]

    def free_objects(self, stub: Stub) -> None:
        """Free the objects that can be freed now. Never fails."""
        with stub.limits(CLEANUP_TIMEOUT):
            self._objects = end_each(self._objects, destroy_object)

    def end_sessions(self) -> None:
        """End the sessions that can be ended now. Never fails."""
        self._sessions = end_each(self._sessions, end_session)


def end_each(waiting: list[T], end: Callable[[T], bool]) -> list[T]:
    """Try to end each, and return those left; once vCenter cannot be reached, the rest is not tried."""
    kept, left = [], deque(waiting)
    with suppress(OSError, HTTPException):
        while left:
            if not end(left[0]):
                kept.append(left[0])
            left.popleft()
    return [*kept, *left]


def destroy_object(destroy: Callable[[], Any]) -> bool:
    """Destroy an object; return whether it is gone. Raises OSError or HTTPException without an answer."""
    try:
        destroy()
    except (vim.fault.NotAuthenticated, vmodl.fault.ManagedObjectNotFound):
        return True
    except StatusError:
        return False
    except (OSError, HTTPException):
        raise
    except Exception:  # noqa: BLE001  whatever was answered, it is tried again
        return False
    return True


def end_session(session: tuple[Stub, Any]) -> bool:
    """End a session; return whether it has ended. Raises as ``destroy_object``."""
    stub, content = session
    try:
        with stub.limits(CLEANUP_TIMEOUT):
            return destroy_object(content.sessionManager.Logout)
    finally:
        stub.DropConnections()
