"""Sessions of the APIs: vim (over SOAP by a cookie, over JSON by a header) and REST (by a header of the same name).

A session owns what was made in it (event collectors, property filters, views) and takes it along when it ends, as the
vSphere reference says: a HistoryCollector exists only for the duration of the session that made it.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from vcenter_simulator.accounts import Account

Api = Literal["vim", "rest"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, eq=False)
class Session:
    """One login. ``token`` is the secret that the client sends; ``key`` is the public name, as in UserSession.key."""

    account: Account
    api: Api
    address: str = "127.0.0.1"
    agent: str = ""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    login_time: datetime = field(default_factory=_now)
    last_active: datetime = field(default_factory=_now)
    calls: int = 0
    ended: bool = False
    objects: dict[str, Any] = field(default_factory=dict)

    def of_kind(self, kind: type) -> list[Any]:
        """What this session owns of one kind, in the order of making."""
        return [thing for thing in self.objects.values() if isinstance(thing, kind)]


class Sessions:
    """The sessions that are open now."""

    def __init__(self) -> None:
        self._by_token: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_token.values()))

    def open(
        self, account: Account, api: Api, *, address: str = "127.0.0.1", agent: str = "", token: str | None = None
    ) -> Session:
        """Log in: a new session of an account that was checked before, with this token where nobody has it."""
        session = Session(account, api, address=address, agent=agent)
        if token and token not in self._by_token:
            session.token = token
        self._by_token[session.token] = session
        return session

    def find(self, token: str | None) -> Session | None:
        """The open session with this token, noted as active; None where it is unknown or has ended."""
        session = self._by_token.get(token or "")
        if session is not None:
            session.last_active = _now()
            session.calls += 1
        return session

    def with_key(self, key: str) -> Session | None:
        """The open session with this public key."""
        return next((session for session in self if session.key == key), None)

    def close(self, session: Session) -> None:
        """Log out: the session ends and takes what it owns along. Closing twice is harmless."""
        self._by_token.pop(session.token, None)
        session.ended = True
        session.objects.clear()

    def close_all(self) -> None:
        """End every session, as a restart of vCenter's services does."""
        for session in self:
            self.close(session)
