"""The OpenFaaS gateway: whether it lets us read its functions, which there are, and one event to them if asked."""

import time
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from cloudevents.core.v1.event import CloudEvent
from prometheus_client import CollectorRegistry

from vcenter_source.commands.doctor.steps import Outcome, Step, ok, warning
from vcenter_source.core.envelope import Envelope
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.sink import OPENFAAS
from vcenter_source.settings.source import Settings
from vcenter_source.sinks.openfaas.gateway import gateway_client
from vcenter_source.sinks.openfaas.sink import openfaas_sink


def functions_step(settings: Settings, needs: str) -> Step:
    """The check of the gateway's lists."""
    return Step("sink functions", partial(functions_outcome, settings), needs)


async def functions_outcome(settings: Settings) -> Outcome:
    """Read the functions, as the sink does. Raises SinkUnavailableError, with the advice behind a semicolon."""
    gateway = read_area(GatewaySettings, OPENFAAS_URL=str(settings.sink.address).removeprefix(OPENFAAS))
    async with gateway_client(gateway) as connection:
        topics = await connection.read_topic_map()
    names = sorted(topics.functions)
    if topics.problems:
        return warning("; ".join(topics.problems[:3]), "see the annotations of this function", functions=names)
    if not names:
        return warning("no function has the annotation topic: no event would be sent", "deploy one", functions=names)
    return ok(f"{len(names)} with a topic: {shown(names)}", functions=names)


async def pinged(settings: Settings, event: CloudEvent, clock: Callable[[], float] = time.perf_counter) -> Outcome:
    """Send one event to the functions that want it, and say who took it. Raises what the sink raises."""
    begun = clock()
    async with openfaas_sink(settings.sink, CollectorRegistry()) as sink:
        names = (await sink.send(Envelope(event, replay_id=uuid4().hex))).takers
    if not names:
        return ok(f"no function has a topic for {event.get_type()}: none was invoked", sent=False)
    found = f"taken by {shown(names)} in {(clock() - begun) * 1000:.0f} ms"
    return ok(found, sent=True, functions=list(names), id=event.get_id())


def shown(names: list[str] | tuple[str, ...]) -> str:
    """The first of them."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004  the first
