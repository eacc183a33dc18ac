"""Attaching one tag to objects and detaching it: which tag that is, and what a category's rules ask for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from pytag.lookup import Lookup
from pytag.settings import TagName
from vcenter_functions.errors import (
    ForbiddenError,
    NotFoundError,
    PermanentError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.answers import expect_id, expect_ids, expect_nothing, expect_object
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.dialects import Operation

SETTLE_SECONDS = 1.0
"""The pause before the one retry of a 403. vCenter's tagging service learns of a new object a moment after its event is
written, and until then refuses it just as it refuses a missing privilege."""

Action = Literal["attach", "detach"]
log = structlog.get_logger()


class MissingTagError(NotFoundError):
    """vCenter has no tag, or no category, of the name in TAG, and TAG_CREATE is false.

    This refuses the event, so that a typing error in TAG shows. Any other failure of a look-up lets the event wait.
    """


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that exists. ``single``: an object may carry only one tag of its category."""

    id: str
    category_id: str
    single: bool


class Tagger:
    """Attaches and detaches one tag. Looking it up takes several calls, so the result is kept."""

    def __init__(
        self,
        client: VcenterClient,
        name: TagName,
        tracing: Tracing,
        *,
        create: bool = False,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._name = name
        self._tracing = tracing
        self._create = create
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._tag: Tag | None = None
        self._lookup = Lookup(client)

    async def attach(self, reference: ManagedObjectReference) -> None:
        """Put the tag on an object; success also if it is there already. Raises TemporaryError, PermanentError."""
        await self._act("attach", reference)

    async def detach(self, reference: ManagedObjectReference) -> None:
        """Take the tag off an object; success also if it is not there. Raises TemporaryError, PermanentError."""
        await self._act("detach", reference)

    async def _act(self, action: Action, reference: ManagedObjectReference) -> None:
        tag = await self._find(create=action == "attach")
        try:
            await self._associate(action, tag, reference)
        except NotFoundError:
            # The tag was deleted, and perhaps created anew, since it was looked up.
            tag = await self._find(deleted=tag, create=action == "attach")
            await self._associate(action, tag, reference)

    async def _find(self, *, create: bool, deleted: Tag | None = None) -> Tag:
        """Return the tag, looked up once for all that ask; ``deleted`` is one that vCenter no longer has."""
        with self._tracing.step_span("find tag", {"vsphere.tag": str(self._name)}) as span:
            async with self._lock:
                span.set_attribute("vsphere.tag.cached", self._tag not in (None, deleted))
                if self._tag is None or self._tag == deleted:
                    self._tag = None
                    self._tag = await self._look_up(create=create and self._create)
                return self._tag

    async def _look_up(self, *, create: bool) -> Tag:
        """Find or create the tag. A refusal here does not refuse the event, unless the tag is missing."""
        try:
            tag = await self._look_up_by_name(create=create)
        except MissingTagError:
            self._lookup.forget()
            raise
        except VcenterRefusedError as exc:
            raise VcenterUnavailableError(f"TAG: {self._name} cannot be looked up: {exc}") from exc
        self._lookup.forget()
        return tag

    async def _look_up_by_name(self, *, create: bool) -> Tag:
        if self._name.urn:
            return await self._look_up_by_urn(self._name.urn)
        category = await self._find_category() or (await self._create_category() if create else None)
        if category is None:
            raise MissingTagError(
                f"TAG: vCenter has no category {self._name.category!r}; create it, or set TAG_CREATE=true"
            )
        tag_id = await self._find_tag_in(category["id"]) or (await self._create_tag(category["id"]) if create else None)
        if tag_id is None:
            raise MissingTagError(
                f"TAG: vCenter has no tag {self._name.name!r} in the category {self._name.category!r}; "
                "create it, or set TAG_CREATE=true"
            )
        return Tag(tag_id, category["id"], single=category.get("cardinality") == "SINGLE")

    async def _look_up_by_urn(self, urn: str) -> Tag:
        try:
            tag = await self._client.call(Operation("GET", "tag", urn), expect_object("category_id"))
        except NotFoundError as exc:
            raise MissingTagError(f"TAG: vCenter has no tag {urn}") from exc
        category_id = tag["category_id"]
        category = await self._client.call(Operation("GET", "category", category_id), expect_object())
        return Tag(urn, category_id, single=category.get("cardinality") == "SINGLE")

    async def _find_category(self) -> dict[str, Any] | None:
        return await self._lookup.find_by_name("category", self._name.category, await self._lookup.list_categories())

    async def _find_tag_in(self, category_id: str) -> str | None:
        urns = await self._lookup.list_tags(category_id)
        tag = await self._lookup.find_by_name("tag", self._name.name, urns)
        return tag["id"] if tag else None

    async def _create_category(self) -> dict[str, Any] | None:
        spec = {
            "name": self._name.category,
            "description": "Made by pytag",
            "cardinality": "MULTIPLE",
            "associable_types": [],
        }
        try:
            urn = await self._client.call(lambda dialect: dialect.create("category", spec), expect_id)
        except VcenterRefusedError as exc:
            if exc.kind != "already_exists":
                raise
            return await self._find_category()  # another replica was quicker
        log.info("category created", category=self._name.category)
        return {**spec, "id": urn}

    async def _create_tag(self, category_id: str) -> str | None:
        spec = {"name": self._name.name, "description": "Made by pytag", "category_id": category_id}
        try:
            urn = await self._client.call(lambda dialect: dialect.create("tag", spec), expect_id)
        except VcenterRefusedError as exc:
            if exc.kind != "already_exists":
                raise
            return await self._find_tag_in(category_id)
        log.info("tag created", tag=str(self._name))
        return urn

    async def _associate(self, action: Action, tag: Tag, reference: ManagedObjectReference) -> None:
        with self._tracing.step_span(f"{action} tag", {"vsphere.tag": str(self._name)}, reference):
            try:
                await self._associate_once(action, tag, reference)
            except ForbiddenError:
                await self._sleep(SETTLE_SECONDS)
                try:
                    await self._associate_once(action, tag, reference)
                except ForbiddenError as exc:
                    raise ForbiddenError(
                        f"vCenter does not let us {action} {self._name} on {reference}: the object is gone, or the "
                        "account lacks the privilege Assign or Unassign vSphere Tag (on the object too)"
                    ) from exc

    async def _associate_once(self, action: Action, tag: Tag, reference: ManagedObjectReference) -> None:
        replaced = await self._find_replaced(tag, reference) if action == "attach" and tag.single else []
        for urn in replaced:
            await self._change("detach", urn, reference)
        try:
            await self._change(action, tag.id, reference)
        except PermanentError:
            for urn in replaced:  # an object must not lose its tag to one that it cannot have
                await self._change("attach", urn, reference)
            raise

    async def _find_replaced(self, tag: Tag, reference: ManagedObjectReference) -> list[str]:
        """Return the tags that an object must lose first, because their category allows only one."""
        body = {"object_id": {"type": reference.type, "id": reference.value}}
        listing = Operation("POST", "tag-association", action="list-attached-tags", body=body)
        attached = await self._client.call(listing, expect_ids)
        others = [urn for urn in attached if urn != tag.id]
        siblings = await self._lookup.list_tags(tag.category_id) if others else []
        return [urn for urn in others if urn in siblings]

    async def _change(self, action: Action, urn: str, reference: ManagedObjectReference) -> None:
        body = {"object_id": {"type": reference.type, "id": reference.value}}
        operation = Operation("POST", "tag-association", urn, action, body)
        await self._client.call(operation, expect_nothing)
