"""A session with a simulator over VI/JSON, as plain HTTP requests: the tests show what stands on the wire."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from tests.support import loopback
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.rest.sessions import SESSION_HEADER
from vcenter_simulator.server import Simulator

RELEASE = "8.0.3.0"
COLLECTOR = "EventHistoryCollector"


class JsonSession:
    """Requests by type, id and name; without a login they have no session."""

    def __init__(self, http: httpx.Client, release: str = RELEASE) -> None:
        self.http = http
        self.base = f"/sdk/vim25/{release}"

    def log_in(self, username: str = ADMINISTRATOR, password: str = PASSWORD) -> httpx.Response:
        arguments = {"userName": username, "password": password}
        answer = self.post("SessionManager", "SessionManager", "Login", arguments)
        if token := answer.headers.get(SESSION_HEADER):
            self.http.headers[SESSION_HEADER] = token
        return answer

    def post(self, kind: str, moid: str, method: str, arguments: Any = None) -> httpx.Response:
        return self.http.post(f"{self.base}/{kind}/{moid}/{method}", json=arguments)

    def get(self, kind: str, moid: str, name: str) -> httpx.Response:
        return self.http.get(f"{self.base}/{kind}/{moid}/{name}")

    def create_collector(self, **filters: Any) -> str:
        arguments = {"filter": {"_typeName": "EventFilterSpec", **filters}}
        answer = self.post("EventManager", "EventManager", "CreateCollectorForEvents", arguments)
        return str(answer.json()["value"])

    def read_next(self, collector: str, count: int) -> list[dict[str, Any]]:
        page: list[dict[str, Any]] = self.post(COLLECTOR, collector, "ReadNextEvents", {"maxCount": count}).json()
        return page


@contextlib.contextmanager
def json_session(simulator: Simulator, *, log_in: bool = True) -> Iterator[JsonSession]:
    """A session that is logged in, or not yet."""
    with loopback.Client(base_url=simulator.base) as http:
        session = JsonSession(http)
        if log_in:
            session.log_in()
        yield session
