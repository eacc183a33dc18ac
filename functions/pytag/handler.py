"""What pytag does with one CloudEvent: find the object that it is about, and tag it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from pytag.settings import Settings
from vcenter_functions.cloudevent import find_object
from vcenter_functions.function import Function, Handler
from vcenter_functions.vcenter.tag_finder import MissingTagError, TagLookupError

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_functions.tracing import Tracing
    from vcenter_functions.vcenter.api import VCenter

log = structlog.get_logger()


def build_handler(settings: Settings, vcenter: "VCenter", _: "Tracing") -> Handler:
    """Build what attaches, or detaches, the tag. A repeated event changes nothing: vCenter's calls promise so."""
    message = f"tag {settings.tag_action}ed"

    async def tag(event: "BaseCloudEvent") -> None:
        reference = find_object(event)
        with _name_setting(settings):
            if settings.tag_action == "attach":
                await vcenter.tags.attach(reference, settings.tag, create=settings.tag_create)
            else:
                await vcenter.tags.detach(reference, settings.tag)
        log.info(message, object=str(reference), type=event.get_type())

    return tag


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


PYTAG = Function("pytag", Settings, build_handler, refusal="not tagged", retry="not tagged, will be retried")
