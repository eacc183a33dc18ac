"""What may be left behind on vCenter, and is to be ended as soon as it answers: objects in a session, whole sessions.

After a lost connection nobody knows what was carried out. vCenter allows 32 collectors in a session, and an account
not any number of sessions: what is forgotten adds up. It blocks: see ``client``.
"""

from collections.abc import Callable
from typing import Any

from pyVmomi import vim, vmodl

from adapter.vcenter.stub import Stub

PATIENCE = 10.0
"""Seconds that a call may take which frees something: what is not freed now is freed later."""

MOST = 8
"""Objects that may wait to be freed before the whole session is better ended, which frees them all."""


class Leftovers:
    """The objects that wait to be freed in the session there is, and the sessions before it that may still live."""

    def __init__(self) -> None:
        self._objects: list[Callable[[], Any]] = []
        self._sessions: list[tuple[Stub, Any]] = []

    @property
    def too_many(self) -> bool:
        """Whether it takes the end of the session to free its objects."""
        return len(self._objects) > MOST

    @property
    def stubs(self) -> list[Stub]:
        """Those of the sessions that may still live."""
        return [stub for stub, _ in self._sessions]

    def add(self, destroy: Callable[[], Any]) -> None:
        """An object is to be freed, by this call."""
        self._objects.append(destroy)

    def add_session(self, stub: Stub, content: Any) -> None:
        """A session is to be ended, which frees its objects."""
        self._objects = []
        self._sessions = [*self._sessions[1 - MOST :], (stub, content)]

    def free_objects(self, stub: Stub) -> None:
        """Free what can be freed now. Never fails."""
        with stub.bounded(PATIENCE):
            self._objects = [destroy for destroy in self._objects if not is_gone(destroy)]

    def end_sessions(self) -> None:
        """End what can be ended now. Never fails."""
        self._sessions = [(stub, content) for stub, content in self._sessions if not is_ended(stub, content)]


def is_gone(destroy: Callable[[], Any]) -> bool:
    """Whether something is gone from vCenter, now that it is to be destroyed. Never fails."""
    try:
        destroy()
    except (vim.fault.NotAuthenticated, vmodl.fault.ManagedObjectNotFound):
        return True
    except Exception:  # noqa: BLE001  whatever it is, it is tried again
        return False
    return True


def is_ended(stub: Stub, content: Any) -> bool:
    """Whether the session of this stub has ended, now that it is to. Never fails."""
    with stub.bounded(PATIENCE):
        ended = is_gone(content.sessionManager.Logout)
    stub.DropConnections()
    return ended
