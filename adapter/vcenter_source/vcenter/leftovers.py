"""What may be left behind on vCenter, and is to be ended as soon as it answers: objects in a session, whole sessions.

After a lost connection nobody knows what was carried out. vCenter allows 32 collectors in a session, and an account
not any number of sessions: what is forgotten adds up. It blocks: see ``client``.
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
"""Seconds that a call may take which frees something: what is not freed now is freed later."""

MAX_LEFTOVERS = 8
"""Objects that may wait to be freed before the whole session is better ended, which frees them all."""


class Leftovers:
    """The objects that wait to be freed in the session there is, and the sessions before it that may still live."""

    def __init__(self) -> None:
        self._objects: list[Callable[[], Any]] = []
        self._sessions: list[tuple[Stub, Any]] = []

    @property
    def has_too_many(self) -> bool:
        """Whether it takes the end of the session to free its objects."""
        return len(self._objects) > MAX_LEFTOVERS

    @property
    def stubs(self) -> list[Stub]:
        """Those of the sessions that may still live."""
        return [stub for stub, _ in self._sessions]

    def add(self, destroy: Iterable[Callable[[], Any]]) -> None:
        """Objects are to be freed, by these calls."""
        self._objects.extend(destroy)

    def add_session(self, stub: Stub, content: Any) -> None:
        """A session is to be ended, which frees its objects."""
        self._objects = []
        self._sessions = [*self._sessions[1 - MAX_LEFTOVERS :], (stub, content)]

    def free_objects(self, stub: Stub) -> None:
        """Free what can be freed now. Never fails."""
        with stub.limits(CLEANUP_TIMEOUT):
            self._objects = end_each(self._objects, destroy_object)

    def end_sessions(self) -> None:
        """End what can be ended now. Never fails."""
        self._sessions = end_each(self._sessions, end_session)


def end_each(waiting: list[T], end: Callable[[T], bool]) -> list[T]:
    """What still waits after a try to end all of it; where vCenter cannot be reached, the rest is not even tried."""
    kept, left = [], deque(waiting)
    with suppress(OSError, HTTPException):
        while left:
            if not end(left[0]):
                kept.append(left[0])
            left.popleft()
    return [*kept, *left]


def destroy_object(destroy: Callable[[], Any]) -> bool:
    """Whether an object is gone from vCenter, now that it is to be. Raises OSError, HTTPException without an answer."""
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
    """Whether a session has ended, now that it is to. Raises as ``destroy_object``."""
    stub, content = session
    try:
        with stub.limits(CLEANUP_TIMEOUT):
            return destroy_object(content.sessionManager.Logout)
    finally:
        stub.DropConnections()
