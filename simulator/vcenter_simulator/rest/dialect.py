"""The two dialects of the REST API: their paths, and how they wrap values and errors."""

from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vcenter_simulator.tagging import TaggingError

STATUS = {"not_found": 404, "already_exists": 400, "invalid_argument": 400, "unauthorized": 403, "unauthenticated": 401}
DialectName = Literal["api", "rest"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one of the two dialects writes down the same thing."""

    session_path: str
    tagging_path: str
    item: str
    """What stands before an id in a path."""
    action_parameter: str
    wrapped: bool
    """Whether values, specifications and errors come in an envelope; an older dialect's 201 and 204 are then 200."""

    def value(self, value: Any, status: int = 200) -> Response:
        """A successful answer with a value."""
        return JSONResponse({"value": value}) if self.wrapped else JSONResponse(value, status)

    def empty(self) -> Response:
        """A successful answer without a value."""
        return Response(status_code=200 if self.wrapped else 204)

    def error(self, error: TaggingError) -> Response:
        """The answer that an error is."""
        messages = [error.localizable()]
        body: dict[str, Any] = {"error_type": error.kind.upper(), "messages": messages}
        if self.wrapped:
            body = {"type": f"com.vmware.vapi.std.errors.{error.kind}", "value": {"messages": messages}}
        headers = {"WWW-Authenticate": 'Basic realm="VAPI endpoint"'} if error.kind == "unauthenticated" else None
        return JSONResponse(body, STATUS[error.kind], headers)

    def spec(self, body: dict[str, Any], name: str) -> dict[str, Any]:
        """What to create or update, out of its envelope where there is one."""
        spec = body.get(name) if self.wrapped else body
        if not isinstance(spec, dict):
            raise TaggingError.invalid(f"{name} is missing", name)
        return spec

    def action(self, request: Request) -> str:
        """The operation that the query names, empty where it names none."""
        return request.query_params.get(self.action_parameter, "")


DIALECTS: dict[DialectName, Dialect] = {
    "api": Dialect("/api/session", "/api/cis/tagging", "", "action", wrapped=False),
    "rest": Dialect("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging", "id:", "~action", wrapped=True),
}
