"""Categories, tags, and which objects carry them, over REST."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vcenter_simulator.rest.dialect import Dialect
from vcenter_simulator.rest.handlers import Endpoint, read_body
from vcenter_simulator.rest.sessions import SessionApi
from vcenter_simulator.tagging import Category, Reference, Tag, Tagging, TaggingError


class TaggingApi:
    """The operations on categories, tags and associations, in one dialect."""

    def __init__(self, tagging: Tagging, dialect: Dialect, sessions: SessionApi) -> None:
        self._tagging = tagging
        self._dialect = dialect
        self._sessions = sessions

    def endpoints(self) -> list[Endpoint]:
        """List what is served."""
        base, item = self._dialect.tagging_path, self._dialect.item
        return [
            (f"{base}/category", self._serve_categories, ["GET", "POST"]),
            (f"{base}/category/{item}{{id}}", self._serve_category, ["GET", "PATCH", "DELETE"]),
            (f"{base}/tag", self._serve_tags, ["GET", "POST"]),
            (f"{base}/tag/{item}{{id}}", self._serve_tag, ["GET", "PATCH", "DELETE", "POST"]),
            (f"{base}/tag-association", self._serve_associations, ["POST"]),
            (f"{base}/tag-association/{item}{{id}}", self._serve_association, ["POST"]),
        ]

    async def _serve_categories(self, request: Request) -> Response:
        if request.method == "GET":
            self._sessions.require_session(request)
            return self._dialect.value(list(self._tagging.categories))
        self._sessions.require_writer(request)
        spec = self._dialect.spec(await read_body(request), "create_spec")
        # The reference requires all four; without associable_types a real vCenter answers invalid_argument.
        category = self._tagging.create_category(
            spec.get("name"), spec.get("description", ""), spec.get("cardinality"), spec.get("associable_types")
        )
        return self._dialect.value(category.id, 201)

    async def _serve_category(self, request: Request) -> Response:
        urn = request.path_params["id"]
        if request.method == "GET":
            self._sessions.require_session(request)
            return self._dialect.value(_write_category(self._tagging.category(urn)))
        self._sessions.require_writer(request)
        if request.method == "DELETE":
            self._tagging.delete_category(urn)
        else:
            spec = self._dialect.spec(await read_body(request), "update_spec")
            changeable = ("name", "description", "cardinality", "associable_types")
            self._tagging.update_category(urn, **{key: spec[key] for key in changeable if key in spec})
        return self._dialect.empty()

    async def _serve_tags(self, request: Request) -> Response:
        if request.method == "GET":
            self._sessions.require_session(request)
            return self._dialect.value(list(self._tagging.tags))
        if self._dialect.action(request) == "list-tags-for-category":
            return self._list_tags_of(request, (await read_body(request)).get("category_id", ""))
        self._sessions.require_writer(request)
        spec = self._dialect.spec(await read_body(request), "create_spec")
        tag = self._tagging.create_tag(spec.get("category_id", ""), spec.get("name"), spec.get("description", ""))
        return self._dialect.value(tag.id, 201)

    def _list_tags_of(self, request: Request, category_id: str) -> Response:
        self._sessions.require_session(request)
        category = self._tagging.category(category_id)
        return self._dialect.value([tag.id for tag in self._tagging.tags_of(category.id)])

    async def _serve_tag(self, request: Request) -> Response:
        urn = request.path_params["id"]
        if request.method == "POST":  # /rest alone: the id in the path is the category's
            return self._list_tags_of(request, urn)
        if request.method == "GET":
            self._sessions.require_session(request)
            return self._dialect.value(_write_tag(self._tagging.tag(urn)))
        self._sessions.require_writer(request)
        if request.method == "DELETE":
            self._tagging.delete_tag(urn)
        else:
            spec = self._dialect.spec(await read_body(request), "update_spec")
            self._tagging.update_tag(urn, **{key: spec[key] for key in ("name", "description") if key in spec})
        return self._dialect.empty()

    async def _serve_association(self, request: Request) -> Response:
        """The operations on one tag, whose id is in the path."""
        self._sessions.require_session(request)
        return self._serve_tag_action(request, request.path_params["id"], await read_body(request))

    def _serve_tag_action(self, request: Request, urn: str, body: dict[str, Any]) -> Response:
        action = self._dialect.action(request)
        if action == "list-attached-objects":
            return self._dialect.value([_write_reference(r) for r in self._tagging.objects_with(urn)])
        self._sessions.require_writer(request)
        if action == "attach-tag-to-multiple-objects":
            pairs = [(self._tagging.tag(urn).id, _read_reference(value)) for value in body.get("object_ids", [])]
            return self._dialect.value(_run_batch(self._tagging.attach, pairs))
        operations = {"attach": self._tagging.attach, "detach": self._tagging.detach}
        if action not in operations:
            raise TaggingError.invalid(f"Unknown action {action}", action)
        operations[action](urn, _read_reference(body.get("object_id")))
        return self._dialect.empty()

    async def _serve_associations(self, request: Request) -> Response:
        """The operations on an object, or on several objects or tags."""
        self._sessions.require_session(request)
        body, action = await read_body(request), self._dialect.action(request)
        if self._dialect.wrapped and "tag_id" in body:  # as govmomi 0.19 spells the operations on one tag
            return self._serve_tag_action(request, str(body["tag_id"]), body)
        if action in ("attach-multiple-tags-to-object", "detach-multiple-tags-from-object"):
            self._sessions.require_writer(request)
            operation = self._tagging.attach if action.startswith("attach") else self._tagging.detach
            reference = _read_reference(body.get("object_id"))
            return self._dialect.value(_run_batch(operation, [(urn, reference) for urn in body.get("tag_ids", [])]))
        return self._dialect.value(self._list_associations(action, body))

    def _list_associations(self, action: str, body: dict[str, Any]) -> list[Any]:
        tagging = self._tagging
        match action:
            case "list-attached-tags":
                return list(tagging.tags_on(_read_reference(body.get("object_id"))))
            case "list-attached-tags-on-objects":
                references = [_read_reference(value) for value in body.get("object_ids", [])]
                return [{"object_id": _write_reference(r), "tag_ids": tagging.tags_on(r)} for r in references]
            case "list-attached-objects-on-tags":
                urns = body.get("tag_ids", [])
                return [
                    {"tag_id": u, "object_ids": [_write_reference(r) for r in tagging.objects_with(u)]} for u in urns
                ]
        raise TaggingError.invalid(f"Unknown action {action}", action)


def _read_reference(value: Any) -> Reference:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str) or not isinstance(value.get("id"), str):
        raise TaggingError.invalid("object_id needs a type and an id", "object_id")
    return value["type"], value["id"]


def _write_reference(reference: Reference) -> dict[str, str]:
    return {"type": reference[0], "id": reference[1]}


def _write_category(category: Category) -> dict[str, Any]:
    return {**asdict(category), "used_by": []}


def _write_tag(tag: Tag) -> dict[str, Any]:
    plain = {name: getattr(tag, name) for name in ("id", "category_id", "name", "description")}
    return {**plain, "used_by": []}


def _run_batch(action: Callable[[Any, Any], None], pairs: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Do it for each pair. The result says what failed; the answer is 200 even then."""
    failures = []
    for pair in pairs:
        try:
            action(*pair)
        except TaggingError as error:
            failures.append(error.localizable())
    return {"success": not failures, "error_messages": failures}
