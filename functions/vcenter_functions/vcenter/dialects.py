"""The two spellings of vCenter's REST API: paths, queries and envelopes. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the tagging API, the same in both dialects. ``item`` is the id that stands in the path."""

    method: str
    resource: str
    item: str | None = None
    action: str | None = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a generation of vCenter writes its REST API. ``wrapped``: values and specifications come in an envelope."""

    session: str
    tagging: str
    item: str
    action: str
    wrapped: bool

    @property
    def session_check(self) -> tuple[str, str]:
        """The method and path that ask whether a session is still valid."""
        return ("POST", f"{self.session}?~action=get") if self.wrapped else ("GET", self.session)

    def build_path(self, operation: Operation) -> str:
        """Return the path and query of an operation. An id is quoted, so that it stays one segment of the path."""
        item, action = operation.item, operation.action
        path = f"{self.tagging}/{operation.resource}" + (f"/{self.item}{quote(item, safe=':')}" if item else "")
        return f"{path}?{self.action}={action}" if action else path

    def list_tags(self, category_id: str) -> Operation:
        """List a category's tags: the one operation whose path differs by more than its spelling."""
        item = category_id if self.wrapped else None
        return Operation("POST", "tag", item, "list-tags-for-category", {"category_id": category_id})

    def create(self, resource: str, spec: dict[str, Any]) -> Operation:
        """Create a category or a tag."""
        return Operation("POST", resource, body={"create_spec": spec} if self.wrapped else spec)


AnyOperation = Operation | Callable[[Dialect], Operation]
"""An operation, or what makes it where the dialects differ by more than their spelling."""

API = Dialect("/api/session", "/api/cis/tagging", "", "action", wrapped=False)
"""vCenter 7.0U2 and later."""
REST = Dialect("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging", "id:", "~action", wrapped=True)
"""vCenter 6.5 and later, deprecated since 7.0U2, and vcsim."""
