"""Putting one tag on objects and taking it off them: which tag that is, and what a category's rules ask for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from pytag.lookup import Lookup
from pytag.settings import TagName
from vcenter_functions.answers import identifier, ids, nothing, record
from vcenter_functions.client import VcenterClient
from vcenter_functions.dialects import Operation
from vcenter_functions.errors import (
    ForbiddenError,
    MissingTagError,
    PermanentError,
    UnknownError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_functions.event import Reference
from vcenter_functions.telemetry import Telemetry

SETTLE = 1.0
"""Seconds before the one retry of a 403. vCenter's tagging service learns of a new object a moment after its event is
written, and until then refuses it just as it refuses a missing privilege."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that exists. ``single``: an object may carry only one tag of its category."""

    id: str
    category_id: str
    single: bool


class Tagger:
    """Attaches and detaches one tag. Looking it up takes several calls, so what was found is kept."""

    def __init__(
        self,
        client: VcenterClient,
        name: TagName,
        telemetry: Telemetry,
        *,
        create: bool = False,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._name = name
        self._telemetry = telemetry
        self._create = create
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._found: Tag | None = None
        self._lookup = Lookup(client)

    async def attach(self, reference: Reference) -> None:
        """Put the tag on an object; it being there already is success. Raises RetryableError, PermanentError."""
        await self._act("attach", reference)

    async def detach(self, reference: Reference) -> None:
        """Take the tag off an object; it not being there is success. Raises RetryableError, PermanentError."""
        await self._act("detach", reference)

    async def _act(self, action: Literal["attach", "detach"], reference: Reference) -> None:
        tag = await self._find(create=action == "attach")
        try:
            await self._associate(action, tag, reference)
        except UnknownError:
            # The tag was deleted, and perhaps made anew, since it was looked up.
            tag = await self._find(gone=tag, create=action == "attach")
            await self._associate(action, tag, reference)

    async def _find(self, *, create: bool, gone: Tag | None = None) -> Tag:
        """The tag, looked up once however many ask; ``gone`` is one that vCenter no longer knows."""
        with self._telemetry.step("find tag", tag=str(self._name)) as span:
            async with self._lock:
                span.set_attribute("vsphere.tag.cached", self._found not in (None, gone))
                if self._found is None or self._found == gone:
                    self._found = None
                    self._found = await self._look_up(create=create and self._create)
                return self._found

    async def _look_up(self, *, create: bool) -> Tag:
        """Find or make the tag. What vCenter refuses here is not the event's fault; a missing tag is a setting's."""
        try:
            found = await self._named(create=create)
        except MissingTagError:
            self._lookup.forget()
            raise
        except VcenterRefusedError as exc:
            raise VcenterUnavailableError(f"TAG: {self._name} cannot be looked up: {exc}") from exc
        self._lookup.forget()
        return found

    async def _named(self, *, create: bool) -> Tag:
        if self._name.urn:
            return await self._by_urn(self._name.urn)
        category = await self._category() or (await self._new_category() if create else None)
        if category is None:
            raise MissingTagError(
                f"TAG: vCenter has no category {self._name.category!r}; create it, or set TAG_CREATE=true"
            )
        tag_id = await self._tag_in(category["id"]) or (await self._new_tag(category["id"]) if create else None)
        if tag_id is None:
            raise MissingTagError(
                f"TAG: vCenter has no tag {self._name.name!r} in the category {self._name.category!r}; "
                "create it, or set TAG_CREATE=true"
            )
        return Tag(tag_id, category["id"], single=category.get("cardinality") == "SINGLE")

    async def _by_urn(self, urn: str) -> Tag:
        try:
            found = await self._client.call(lambda _: Operation("GET", "tag", urn), record("category_id"))
        except UnknownError as exc:
            raise MissingTagError(f"TAG: vCenter has no tag {urn}") from exc
        category_id = found["category_id"]
        category = await self._client.call(lambda _: Operation("GET", "category", category_id), record())
        return Tag(urn, category_id, single=category.get("cardinality") == "SINGLE")

    async def _category(self) -> dict[str, Any] | None:
        return await self._lookup.named("category", self._name.category, await self._lookup.categories())

    async def _tag_in(self, category_id: str) -> str | None:
        siblings = await self._lookup.tags_of(category_id)
        found = await self._lookup.named("tag", self._name.name, siblings)
        return found["id"] if found else None

    async def _new_category(self) -> dict[str, Any] | None:
        spec = {
            "name": self._name.category,
            "description": "Made by pytag",
            "cardinality": "MULTIPLE",
            "associable_types": [],
        }
        try:
            urn = await self._client.call(lambda dialect: dialect.create("category", spec), identifier)
        except VcenterRefusedError as exc:
            if exc.kind != "already_exists":
                raise
            return await self._category()  # another replica was quicker
        _log.info("category created", category=self._name.category)
        return {**spec, "id": urn}

    async def _new_tag(self, category_id: str) -> str | None:
        spec = {"name": self._name.name, "description": "Made by pytag", "category_id": category_id}
        try:
            urn = await self._client.call(lambda dialect: dialect.create("tag", spec), identifier)
        except VcenterRefusedError as exc:
            if exc.kind != "already_exists":
                raise
            return await self._tag_in(category_id)
        _log.info("tag created", tag=str(self._name))
        return urn

    async def _associate(self, action: Literal["attach", "detach"], tag: Tag, reference: Reference) -> None:
        with self._telemetry.step(f"{action} tag", tag=str(self._name), reference=reference):
            try:
                await self._once(action, tag, reference)
            except ForbiddenError:
                await self._sleep(SETTLE)
                try:
                    await self._once(action, tag, reference)
                except ForbiddenError as exc:
                    raise ForbiddenError(
                        f"vCenter lets us not {action} {self._name} on {reference}: the object is gone, or the account "
                        "lacks the privilege Assign or Unassign vSphere Tag (on the object too)"
                    ) from exc

    async def _once(self, action: Literal["attach", "detach"], tag: Tag, reference: Reference) -> None:
        replaced = await self._replaced(tag, reference) if action == "attach" and tag.single else []
        for urn in replaced:
            await self._change("detach", urn, reference)
        try:
            await self._change(action, tag.id, reference)
        except PermanentError:
            for urn in replaced:  # an object must not lose its tag to one that it cannot have
                await self._change("attach", urn, reference)
            raise

    async def _replaced(self, tag: Tag, reference: Reference) -> list[str]:
        """The tags that an object must lose first, because their category allows it one alone."""
        body = {"object_id": {"type": reference.type, "id": reference.id}}
        listing = Operation("POST", "tag-association", action="list-attached-tags", body=body)
        attached = await self._client.call(lambda _: listing, ids)
        others = [urn for urn in attached if urn != tag.id]
        siblings = await self._lookup.tags_of(tag.category_id) if others else []
        return [urn for urn in others if urn in siblings]

    async def _change(self, action: Literal["attach", "detach"], urn: str, reference: Reference) -> None:
        body = {"object_id": {"type": reference.type, "id": reference.id}}
        operation = Operation("POST", "tag-association", urn, action, body)
        await self._client.call(lambda _: operation, nothing)
