"""Attach a vSphere tag to the object that an event is about, or detach it. A repeated event changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from pytag.settings import Settings
from vcenter_functions import Event, VCenter, on
from vcenter_functions.vcenter.tag_finder import MissingTagError, TagLookupError

log = structlog.get_logger()


@on()
async def tag(event: Event, vcenter: VCenter, settings: Settings) -> None:
    """Attach or detach the tag. Which events come is up to the Trigger."""
    reference, is_attached = event.require_subject(), settings.tag_action == "attach"
    with _name_setting(settings):
        if is_attached:
            await vcenter.tags.attach(reference, settings.tag, create=settings.tag_create)
        else:
            await vcenter.tags.detach(reference, settings.tag)
    log.info("tag attached" if is_attached else "tag detached", object=str(reference), type=event.type)


@contextmanager
def _name_setting(settings: Settings) -> Iterator[None]:
    """Name the setting that a tag which cannot be found comes from, and the one that creates it."""
    try:
        yield
    except MissingTagError as exc:
        remedy = "" if settings.tag_name.urn else ", or set TAG_CREATE=true"
        raise MissingTagError(f"TAG: {exc}{remedy}") from exc
    except TagLookupError as exc:
        raise TagLookupError(f"TAG: {exc}") from exc
