"""What pytag does with one CloudEvent: find the object that it is about, and tag it."""

from typing import TYPE_CHECKING

import structlog

from pytag.settings import Settings
from pytag.tagging import Tagger
from vcenter_functions.cloudevent import find_object
from vcenter_functions.function import Function, Handler

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_functions.tracing import Tracing
    from vcenter_functions.vcenter.client import VcenterClient

log = structlog.get_logger()


def build_handler(settings: Settings, client: "VcenterClient", tracing: "Tracing") -> Handler:
    """Build what attaches, or detaches, the tag. A repeated event changes nothing: vCenter's calls promise so."""
    tagger = Tagger(client, settings.tag_name, tracing, create=settings.tag_create)
    if settings.tag_action == "attach":
        change, message = tagger.attach, "tag attached"
    else:
        change, message = tagger.detach, "tag detached"

    async def tag(event: "BaseCloudEvent") -> None:
        reference = find_object(event)
        await change(reference)
        log.info(message, object=str(reference), type=event.get_type())

    return tag


PYTAG = Function("pytag", Settings, build_handler, refusal="not tagged", retry="not tagged, will be retried")
