"""Which tag a name means: looked up once, and created if that is asked for."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from vcenter_functions.errors import NotFoundError, VcenterRefusedError, VcenterUnavailableError
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.answers import expect_id, expect_object
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.dialects import Operation
from vcenter_functions.vcenter.lookup import Lookup
from vcenter_functions.vcenter.tag_names import TagName

MAX_TAGS = 10_000
"""How many tags are kept by name. A function may make names of what an event says."""

log = structlog.get_logger()


class MissingTagError(NotFoundError):
    """vCenter has no tag, or no category, of this name, and it is not to be created.

    This refuses the event, so that a typing error shows. Any other failure of a look-up lets the event wait.
    """


class TagLookupError(VcenterUnavailableError):
    """vCenter refuses a call that finds or creates a tag. The event can wait until that is put right."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that exists. ``single``: an object may carry only one tag of its category."""

    id: str
    category_id: str
    single: bool


class TagFinder:
    """Finds tags by their names, and keeps what it found. ``maker`` is named in the description of what it creates."""

    def __init__(self, client: VcenterClient, tracing: Tracing, maker: str) -> None:
        self._client = client
        self._tracing = tracing
        self._description = f"Made by {maker}"
        self._lock = asyncio.Lock()
        self._tags: dict[TagName, Tag] = {}
        self._lookup = Lookup(client)
        self._names = Lookup(client)

    async def find(self, name: TagName, *, create: bool = False, deleted: Tag | None = None) -> Tag:
        """Return the tag, looked up once for all that ask; ``deleted`` is one that vCenter no longer has.

        Raises MissingTagError, TagLookupError and the client's TemporaryError.
        """
        with self._tracing.step_span("find tag", {"vsphere.tag": str(name)}) as span:
            tag = self._tags.get(name)
            if tag in (None, deleted):
                async with self._lock:
                    tag = self._tags.get(name)  # another event may have found it meanwhile
                    span.set_attribute("vsphere.tag.cached", tag not in (None, deleted))
                    if tag is None or tag == deleted:
                        self._tags.pop(name, None)
                        tag = self._keep(name, await self._look_up(name, create=create))
            else:
                span.set_attribute("vsphere.tag.cached", value=True)
            return tag

    async def find_name(self, urn: str) -> str:
        """Return the name of a tag, ``category/name``, as it was in the last minutes."""
        tag = await self._names.fetch("tag", urn)
        category = await self._names.fetch("category", str(tag.get("category_id"))) if tag else None
        return f"{category['name']}/{tag['name']}" if tag and category else urn

    async def list_tags(self, category_id: str) -> list[str]:
        """Return the ids of a category's tags."""
        return await self._lookup.list_tags(category_id)

    def _keep(self, name: TagName, tag: Tag) -> Tag:
        while len(self._tags) >= MAX_TAGS:
            self._tags.pop(next(iter(self._tags)))
        self._tags[name] = tag
        return tag

    async def _look_up(self, name: TagName, *, create: bool) -> Tag:
        """Find or create the tag. A refusal here does not refuse the event, unless the tag is missing."""
        try:
            tag = await (self._look_up_by_urn(name.urn) if name.urn else self._look_up_by_name(name, create=create))
        except MissingTagError:
            self._lookup.forget()
            raise
        except VcenterRefusedError as exc:
            raise TagLookupError(f"{name} cannot be looked up: {exc}") from exc
        self._lookup.forget()
        return tag

    async def _look_up_by_name(self, name: TagName, *, create: bool) -> Tag:
        category = await self._find_category(name) or (await self._create_category(name) if create else None)
        if category is None:
            raise MissingTagError(f"vCenter has no category {name.category!r}; create it")
        category_id = category["id"]
        tag_id = await self._find_tag_in(category_id, name) or (
            await self._create_tag(category_id, name) if create else None
        )
        if tag_id is None:
            raise MissingTagError(f"vCenter has no tag {name.name!r} in the category {name.category!r}; create it")
        return Tag(tag_id, category_id, single=category.get("cardinality") == "SINGLE")

    async def _look_up_by_urn(self, urn: str) -> Tag:
        try:
            tag = await self._client.call(Operation("GET", "tag", urn), expect_object("category_id"))
        except NotFoundError as exc:
            raise MissingTagError(f"vCenter has no tag {urn}") from exc
        category_id = tag["category_id"]
        category = await self._client.call(Operation("GET", "category", category_id), expect_object())
        return Tag(urn, category_id, single=category.get("cardinality") == "SINGLE")

    async def _find_category(self, name: TagName) -> dict[str, Any] | None:
        return await self._lookup.find_by_name("category", name.category, await self._lookup.list_categories())

    async def _find_tag_in(self, category_id: str, name: TagName) -> str | None:
        urns = await self._lookup.list_tags(category_id)
        tag = await self._lookup.find_by_name("tag", name.name, urns)
        return tag["id"] if tag else None

    async def _create_category(self, name: TagName) -> dict[str, Any] | None:
        spec = {
            "name": name.category,
            "description": self._description,
            "cardinality": "MULTIPLE",
            "associable_types": [],
        }
        urn = await self._create("category", spec)
        if urn is None:
            return await self._find_category(name)
        log.info("category created", category=name.category)
        return {**spec, "id": urn}

    async def _create_tag(self, category_id: str, name: TagName) -> str | None:
        spec = {"name": name.name, "description": self._description, "category_id": category_id}
        urn = await self._create("tag", spec)
        if urn is None:
            return await self._find_tag_in(category_id, name)
        log.info("tag created", tag=str(name))
        return urn

    async def _create(self, resource: str, spec: dict[str, Any]) -> str | None:
        """Create a category or a tag, and return its id; None if another replica was quicker."""
        try:
            return await self._client.call(lambda dialect: dialect.create(resource, spec), expect_id)
        except VcenterRefusedError as exc:
            if exc.kind == "already_exists":
                return None
            raise
