"""vCenter's tagging over REST, in both dialects: ``/api`` (7.0U2 and later) and ``/rest/com/vmware`` (before).

They differ in paths, in the name of the action parameter, in status codes and in how a value or an error is wrapped;
what they do is the same. Sources: the vSphere Automation API reference, 6.5 to 9.0; govmomi's ``vapi/tags`` for /rest.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vcenter_simulator.tagging import Category, Reference, Tag, TaggingError

if TYPE_CHECKING:
    from vcenter_simulator.sessions import Session
    from vcenter_simulator.vcenter import Vcenter

SESSION_HEADER = "vmware-api-session-id"
STATUS = {"not_found": 404, "already_exists": 400, "invalid_argument": 400, "unauthorized": 403, "unauthenticated": 401}
Handler = Callable[[Request], Awaitable[Response]]
DialectName = Literal["api", "rest"]


def _unauthenticated() -> TaggingError:
    return TaggingError(
        "unauthenticated", "com.vmware.vapi.endpoint.method.authentication.required", "Authentication required."
    )


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one of the two writes down the same thing."""

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

    def done(self) -> Response:
        """A successful answer without one."""
        return Response(status_code=200 if self.wrapped else 204)

    def error(self, error: TaggingError) -> Response:
        """A refusal."""
        messages = [error.localizable()]
        body: dict[str, Any] = {"error_type": error.kind.upper(), "messages": messages}
        if self.wrapped:
            body = {"type": f"com.vmware.vapi.std.errors.{error.kind}", "value": {"messages": messages}}
        headers = {"WWW-Authenticate": 'Basic realm="VAPI endpoint"'} if error.kind == "unauthenticated" else None
        return JSONResponse(body, STATUS[error.kind], headers)

    def spec(self, body: dict[str, Any], name: str) -> dict[str, Any]:
        """What to create or update, out of its envelope where there is one."""
        found = body.get(name) if self.wrapped else body
        if not isinstance(found, dict):
            raise TaggingError.invalid(f"{name} is missing", name)
        return found

    def action(self, request: Request) -> str:
        """The operation that the query names, empty where it names none."""
        return request.query_params.get(self.action_parameter, "")


DIALECTS: dict[DialectName, Dialect] = {
    "api": Dialect("/api/session", "/api/cis/tagging", "", "action", wrapped=False),
    "rest": Dialect("/rest/com/vmware/cis/session", "/rest/com/vmware/cis/tagging", "id:", "~action", wrapped=True),
}


def routes(vcenter: "Vcenter", dialects: Sequence[DialectName] = ("api", "rest")) -> list[BaseRoute]:
    """What to mount. Leave a dialect out to have an older vCenter (no ``/api``) or a future one (no ``/rest``)."""
    return [route for name in dialects for route in _Door(vcenter, DIALECTS[name]).routes()]


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"null")
    except ValueError:
        body = "not JSON"
    if not isinstance(body, dict | None):
        raise TaggingError.invalid("The body must be a JSON object")
    return body or {}  # govmomi sends ``null`` where an operation takes no body


def _reference(value: Any) -> Reference:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str) or not isinstance(value.get("id"), str):
        raise TaggingError.invalid("object_id needs a type and an id", "object_id")
    return value["type"], value["id"]


def _object_id(reference: Reference) -> dict[str, str]:
    return {"type": reference[0], "id": reference[1]}


def _category(category: Category) -> dict[str, Any]:
    return {**asdict(category), "used_by": []}


def _tag(tag: Tag) -> dict[str, Any]:
    plain = {name: getattr(tag, name) for name in ("id", "category_id", "name", "description")}
    return {**plain, "used_by": []}


def _batch(action: Callable[[Any, Any], None], pairs: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """A batch call's result: 200 even where something failed."""
    failures = []
    for pair in pairs:
        try:
            action(*pair)
        except TaggingError as error:
            failures.append(error.localizable())
    return {"success": not failures, "error_messages": failures}


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        username, colon, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unauthenticated() from None
    if scheme.lower() != "basic" or not colon:
        raise _unauthenticated()
    return username, password


class _Door:
    """The operations, in one dialect."""

    def __init__(self, vcenter: "Vcenter", dialect: Dialect) -> None:
        self._vcenter = vcenter
        self._tagging = vcenter.tagging
        self._dialect = dialect

    def routes(self) -> list[BaseRoute]:
        base, item = self._dialect.tagging_path, self._dialect.item
        session = ["POST", "DELETE"] if self._dialect.wrapped else ["GET", "POST", "DELETE"]
        table: list[tuple[str, Handler, list[str]]] = [
            (self._dialect.session_path, self._session, session),
            (f"{base}/category", self._categories, ["GET", "POST"]),
            (f"{base}/category/{item}{{id}}", self._category, ["GET", "PATCH", "DELETE"]),
            (f"{base}/tag", self._tags, ["GET", "POST"]),
            (f"{base}/tag/{item}{{id}}", self._tag, ["GET", "PATCH", "DELETE", "POST"]),
            (f"{base}/tag-association", self._associations, ["POST"]),
            (f"{base}/tag-association/{item}{{id}}", self._association, ["POST"]),
        ]
        return [Route(path, self._guarded(handler), methods=methods) for path, handler, methods in table]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except TaggingError as error:
                return self._dialect.error(error)

        return guarded

    def _authenticated(self, request: Request) -> "Session":
        token = request.headers.get(SESSION_HEADER) or request.cookies.get(SESSION_HEADER)
        session = self._vcenter.sessions.find(token)
        if session is None or session.door != "rest":
            raise _unauthenticated()
        return session

    def _writer(self, request: Request) -> None:
        if not self._authenticated(request).account.may_write:
            raise TaggingError.unauthorized()

    async def _session(self, request: Request) -> Response:
        if request.method == "POST" and self._dialect.action(request) != "get":
            return self._log_in(request)
        session = self._authenticated(request)
        if request.method == "DELETE":
            self._vcenter.sessions.close(session)
            return self._dialect.done()
        created, active = (
            when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            for when in (session.login_time, session.last_active)
        )
        user = session.account.username
        return self._dialect.value({"user": user, "created_time": created, "last_accessed_time": active})

    def _log_in(self, request: Request) -> Response:
        account = self._vcenter.accounts.check(*_credentials(request))
        if account is None:
            raise _unauthenticated()
        session = self._vcenter.sessions.open(account, "rest", agent=request.headers.get("user-agent", ""))
        response = self._dialect.value(session.token, 201)
        if request.headers.get("vmware-use-header-authn", "").lower() != "true":
            response.set_cookie(SESSION_HEADER, session.token, httponly=True)
        return response

    async def _categories(self, request: Request) -> Response:
        if request.method == "GET":
            self._authenticated(request)
            return self._dialect.value(list(self._tagging.categories))
        self._writer(request)
        spec = self._dialect.spec(await _body(request), "create_spec")
        # The reference requires all four; without associable_types a real vCenter answers invalid_argument.
        category = self._tagging.create_category(
            spec.get("name"), spec.get("description", ""), spec.get("cardinality"), spec.get("associable_types")
        )
        return self._dialect.value(category.id, 201)

    async def _category(self, request: Request) -> Response:
        urn = request.path_params["id"]
        if request.method == "GET":
            self._authenticated(request)
            return self._dialect.value(_category(self._tagging.category(urn)))
        self._writer(request)
        if request.method == "DELETE":
            self._tagging.delete_category(urn)
        else:
            spec = self._dialect.spec(await _body(request), "update_spec")
            changeable = ("name", "description", "cardinality", "associable_types")
            self._tagging.update_category(urn, **{key: spec[key] for key in changeable if key in spec})
        return self._dialect.done()

    async def _tags(self, request: Request) -> Response:
        if request.method == "GET":
            self._authenticated(request)
            return self._dialect.value(list(self._tagging.tags))
        if self._dialect.action(request) == "list-tags-for-category":
            return self._tags_of(request, (await _body(request)).get("category_id", ""))
        self._writer(request)
        spec = self._dialect.spec(await _body(request), "create_spec")
        tag = self._tagging.create_tag(spec.get("category_id", ""), spec.get("name"), spec.get("description", ""))
        return self._dialect.value(tag.id, 201)

    def _tags_of(self, request: Request, category_id: str) -> Response:
        self._authenticated(request)
        category = self._tagging.category(category_id)
        return self._dialect.value([tag.id for tag in self._tagging.tags_of(category.id)])

    async def _tag(self, request: Request) -> Response:
        urn = request.path_params["id"]
        if request.method == "POST":  # /rest alone: the id in the path is the category's
            return self._tags_of(request, urn)
        if request.method == "GET":
            self._authenticated(request)
            return self._dialect.value(_tag(self._tagging.tag(urn)))
        self._writer(request)
        if request.method == "DELETE":
            self._tagging.delete_tag(urn)
        else:
            spec = self._dialect.spec(await _body(request), "update_spec")
            self._tagging.update_tag(urn, **{key: spec[key] for key in ("name", "description") if key in spec})
        return self._dialect.done()

    async def _association(self, request: Request) -> Response:
        """The operations on one tag, whose id is in the path."""
        self._authenticated(request)
        return self._of_one_tag(request, request.path_params["id"], await _body(request))

    def _of_one_tag(self, request: Request, urn: str, body: dict[str, Any]) -> Response:
        action = self._dialect.action(request)
        if action == "list-attached-objects":
            return self._dialect.value([_object_id(r) for r in self._tagging.objects_with(urn)])
        self._writer(request)
        if action == "attach-tag-to-multiple-objects":
            pairs = [(self._tagging.tag(urn).id, _reference(value)) for value in body.get("object_ids", [])]
            return self._dialect.value(_batch(self._tagging.attach, pairs))
        operations = {"attach": self._tagging.attach, "detach": self._tagging.detach}
        if action not in operations:
            raise TaggingError.invalid(f"Unknown action {action}", action)
        operations[action](urn, _reference(body.get("object_id")))
        return self._dialect.done()

    async def _associations(self, request: Request) -> Response:
        """The operations on an object, or on several objects or tags."""
        self._authenticated(request)
        body, action = await _body(request), self._dialect.action(request)
        if self._dialect.wrapped and "tag_id" in body:  # as govmomi 0.19 spells the operations on one tag
            return self._of_one_tag(request, str(body["tag_id"]), body)
        if action in ("attach-multiple-tags-to-object", "detach-multiple-tags-from-object"):
            self._writer(request)
            operation = self._tagging.attach if action.startswith("attach") else self._tagging.detach
            reference = _reference(body.get("object_id"))
            return self._dialect.value(_batch(operation, [(urn, reference) for urn in body.get("tag_ids", [])]))
        return self._dialect.value(self._listed(action, body))

    def _listed(self, action: str, body: dict[str, Any]) -> list[Any]:
        tagging = self._tagging
        match action:
            case "list-attached-tags":
                return list(tagging.tags_on(_reference(body.get("object_id"))))
            case "list-attached-tags-on-objects":
                references = [_reference(value) for value in body.get("object_ids", [])]
                return [{"object_id": _object_id(r), "tag_ids": tagging.tags_on(r)} for r in references]
            case "list-attached-objects-on-tags":
                urns = body.get("tag_ids", [])
                return [{"tag_id": u, "object_ids": [_object_id(r) for r in tagging.objects_with(u)]} for u in urns]
        raise TaggingError.invalid(f"Unknown action {action}", action)
