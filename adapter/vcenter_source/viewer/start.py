"""The viewer of one adapter, made of its settings and of what the pipeline already has."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from vcenter_source.core.envelope import Sink
from vcenter_source.core.observers import Observer
from vcenter_source.observe.health import Health
from vcenter_source.settings.source import Settings
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.viewer.feed import Feed, FeedInterruption
from vcenter_source.viewer.server import serve_viewer
from vcenter_source.viewer.spans import install_span_store
from vcenter_source.viewer.viewer import Viewer


@asynccontextmanager
async def start_viewer(
    settings: Settings, health: Health, sink: Sink | None
) -> AsyncIterator[Callable[[str], Sequence[Observer]]]:
    """Serve the viewer while the context lasts; yields what returns the observers that a vCenter's events need."""
    feed = Feed(settings.viewer.history)
    viewer = Viewer(
        feed,
        health,
        source=describe_source(settings),
        sink=sink,
        catalog=EventCatalog(settings.events.format, extensions=tuple(settings.events.extensions)),
        spans=install_span_store(),
        trace_url=settings.viewer.trace_url_template,
        trace_api=settings.viewer.trace_api_template,
    )
    token = settings.viewer.token.get_secret_value() if settings.viewer.token else None
    async with serve_viewer(viewer, *settings.viewer.bind_address, token):
        yield lambda vcenter: (feed, FeedInterruption(feed, vcenter))


def describe_source(settings: Settings) -> str:
    """Return what the page calls the vCenters whose events it shows."""
    file = settings.vcenter.file
    return f"the vCenters in {file.name}" if file else settings.vcenter.require_one().source
