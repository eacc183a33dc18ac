"""``vcenter.tags``: attaching tags to objects and detaching them, with what a category's rules ask for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from vcenter_functions.errors import ForbiddenError, NoObjectError, NotFoundError, PermanentError
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.answers import expect_ids, expect_nothing
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.dialects import Operation
from vcenter_functions.vcenter.tag_finder import Tag, TagFinder
from vcenter_functions.vcenter.tag_names import TagName, parse_tag_name

SETTLE_SECONDS = 1.0
"""The pause before the one retry of a 403. vCenter's tagging service learns of a new object a moment after its event is
written, and until then refuses it just as it refuses a missing privilege."""

Action = Literal["attach", "detach"]
Reference = ManagedObjectReference | None
"""An event's object. Acting on None raises NoObjectError, which refuses the event."""


class Tags:
    """Tags are named ``category/name``, or by their urn.

    Finding a tag by its name takes several calls, so the result is kept. All raise TemporaryError, PermanentError.
    """

    def __init__(
        self,
        client: VcenterClient,
        tracing: Tracing,
        *,
        maker: str = "vcenter-source",
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._tracing = tracing
        self._sleep = sleep
        self._finder = TagFinder(client, tracing, maker)

    async def attach(self, reference: Reference, tag: str, *, create: bool = False) -> None:
        """Put a tag on an object; success also if it is there already.

        ``create`` makes the tag, and its category, if they are missing; without it, that raises MissingTagError.
        """
        await self._act("attach", tag, reference, create=create)

    async def detach(self, reference: Reference, tag: str) -> None:
        """Take a tag off an object; success also if it is not on it. Raises MissingTagError if it does not exist."""
        await self._act("detach", tag, reference)

    async def create(self, tag: str) -> None:
        """Make a tag, and its category, if they are missing. The category is for every type of object."""
        await self._finder.find(_parse(tag), create=True)

    async def list(self, reference: Reference) -> list[str]:
        """Return the names of an object's tags, ``category/name`` each, sorted. A new name shows within ten minutes."""
        target = require_object(reference)
        with self._tracing.step_span("list tags", {}, target):
            return sorted(await asyncio.gather(*map(self._finder.find_name, await self._list_attached(target))))

    async def _act(self, action: Action, tag: str, reference: Reference, *, create: bool = False) -> None:
        target, name = require_object(reference), _parse(tag)
        found = await self._finder.find(name, create=create)
        try:
            await self._associate(action, name, found, target)
        except NotFoundError:
            # The tag was deleted, and perhaps created anew, since it was looked up.
            found = await self._finder.find(name, deleted=found, create=create)
            await self._associate(action, name, found, target)

    async def _associate(self, action: Action, name: TagName, tag: Tag, target: ManagedObjectReference) -> None:
        with self._tracing.step_span(f"{action} tag", {"vsphere.tag": str(name)}, target):
            try:
                await self._associate_once(action, tag, target)
            except ForbiddenError:
                await self._sleep(SETTLE_SECONDS)
                try:
                    await self._associate_once(action, tag, target)
                except ForbiddenError as exc:
                    raise ForbiddenError(
                        f"vCenter does not let us {action} {name} on {target}: the object is gone, or the "
                        "account lacks the privilege Assign or Unassign vSphere Tag (on the object too)"
                    ) from exc

    async def _associate_once(self, action: Action, tag: Tag, target: ManagedObjectReference) -> None:
        replaced = await self._find_replaced(tag, target) if action == "attach" and tag.single else ()
        for urn in replaced:
            await self._change("detach", urn, target)
        try:
            await self._change(action, tag.id, target)
        except PermanentError:
            for urn in replaced:  # an object must not lose its tag to one that it cannot have
                await self._change("attach", urn, target)
            raise

    async def _find_replaced(self, tag: Tag, target: ManagedObjectReference) -> tuple[str, ...]:
        """Return the tags that an object must lose first, because their category allows only one."""
        others = [urn for urn in await self._list_attached(target) if urn != tag.id]
        siblings = await self._finder.list_tags(tag.category_id) if others else ()
        return tuple(urn for urn in others if urn in siblings)

    async def _list_attached(self, target: ManagedObjectReference) -> tuple[str, ...]:
        listing = Operation("POST", "tag-association", action="list-attached-tags", body=_object_id(target))
        return tuple(await self._client.call(listing, expect_ids))

    async def _change(self, action: Action, urn: str, target: ManagedObjectReference) -> None:
        operation = Operation("POST", "tag-association", urn, action, _object_id(target))
        await self._client.call(operation, expect_nothing)


def require_object(reference: Reference) -> ManagedObjectReference:
    """Return an event's object. Raises NoObjectError where the event names none."""
    if reference is None:
        raise NoObjectError("the event names no managed object")
    return reference


def _parse(tag: str) -> TagName:
    try:
        return parse_tag_name(tag)
    except ValueError as exc:
        raise PermanentError(f"{tag!r}: {exc}") from exc


def _object_id(target: ManagedObjectReference) -> dict[str, Any]:
    return {"object_id": {"type": target.type, "id": target.value}}
