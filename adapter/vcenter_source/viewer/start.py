"""The viewer of one adapter, made of its settings and of what the pipeline already has."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from vcenter_source.core.envelope import Sink
from vcenter_source.core.observers import Observer
from vcenter_source.observe.health import Check, Health
from vcenter_source.settings.dead_letters import ReceiverSettings
from vcenter_source.settings.serving import ViewerSettings
from vcenter_source.settings.source import Settings
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.viewer.feed import Feed, FeedInterruption
from vcenter_source.viewer.letters import LetterBox
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
        letters=build_letter_box(settings, feed, sink),
    )
    async with serve_viewer(viewer, *settings.viewer.bind_address, reveal_token(settings.viewer)):
        yield lambda vcenter: (feed, FeedInterruption(feed, vcenter))


@asynccontextmanager
async def start_letter_viewer(
    settings: ReceiverSettings, folder: DeadLetterFolder, sink: Sink | None
) -> AsyncIterator[None]:
    """Serve the viewer of the letters in a folder while the context lasts."""
    feed = Feed(settings.viewer.history)
    viewer = Viewer(
        feed,
        LetterHealth(),
        source=f"dead letters in {settings.dead_letters.path}",
        sink=sink,
        catalog=EventCatalog("vcenter"),
        spans=install_span_store(),
        trace_url=settings.viewer.trace_url_template,
        trace_api=settings.viewer.trace_api_template,
        letters=LetterBox(folder, feed, sink),
    )
    async with serve_viewer(viewer, *settings.viewer.bind_address, reveal_token(settings.viewer)):
        yield


class LetterHealth:
    """The health of a process that keeps letters: it reads no vCenter, and has no events in flight."""

    is_leading = True
    in_flight = 0
    oldest_in_flight = 0.0
    lag = math.nan

    def run_checks_now(self) -> dict[str, Check]:
        """Return no check: probes ask the receiver itself."""
        return {}


def reveal_token(settings: ViewerSettings) -> str | None:
    """Return the token that the page asks for; None where it asks for none."""
    return settings.token.get_secret_value() if settings.token else None


def build_letter_box(settings: Settings, feed: Feed, sink: Sink | None) -> LetterBox | None:
    """Build what shows the letters in DEAD_LETTER_PATH; None if it is not set."""
    letters = settings.dead_letters
    return LetterBox(DeadLetterFolder(letters.path, letters.max_bytes), feed, sink) if letters.path else None


def describe_source(settings: Settings) -> str:
    """Return what the page calls the vCenters whose events it shows."""
    file = settings.vcenter.file
    return f"the vCenters in {file.name}" if file else settings.vcenter.require_one().source
