"""The OpenFaaS gateway: whether its functions can be read, which there are, and a test event to them if asked for."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import uuid4

from cloudevents.core.v1.event import CloudEvent
from prometheus_client import CollectorRegistry

from vcenter_source.commands.doctor.checks import CheckResult, DoctorCheck, ok, warning
from vcenter_source.core.envelope import Envelope
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.sink import OPENFAAS
from vcenter_source.settings.source import Settings
from vcenter_source.sinks.openfaas.gateway import gateway_client
from vcenter_source.sinks.openfaas.sink import openfaas_sink

MAX_NAMES = 5
"""Functions that a line names."""


def functions_check(settings: Settings, requires: str) -> DoctorCheck:
    """Return the check of the gateway's functions."""
    return DoctorCheck("sink functions", partial(check_functions, settings), requires)


async def check_functions(settings: Settings) -> CheckResult:
    """Read the functions, as the sink does. Raises SinkUnavailableError, with the advice after a semicolon."""
    gateway = read_area(GatewaySettings, OPENFAAS_URL=str(settings.sink.address).removeprefix(OPENFAAS))
    async with gateway_client(gateway) as connection:
        topics = await connection.read_topic_map()
    names = sorted(topics.functions)
    if topics.problems:
        return warning("; ".join(topics.problems[:3]), "see the annotations of this function", functions=names)
    if not names:
        message = "no function has the annotation topic: no event would be sent"
        return warning(message, "deploy a function", functions=names)
    return ok(f"{len(names)} with a topic: {join_names(names)}", functions=names)


async def ping_functions(
    settings: Settings, event: CloudEvent, clock: Callable[[], float] = time.perf_counter
) -> CheckResult:
    """Send one event to the functions subscribed to it, and name them. Raises what the sink raises."""
    start = clock()
    async with openfaas_sink(settings.sink, CollectorRegistry()) as sink:
        names = (await sink.send(Envelope(event, replay_id=uuid4().hex))).takers
    if not names:
        return ok(f"no function has a topic for {event.get_type()}: none was invoked", sent=False)
    message = f"accepted by {join_names(names)} in {(clock() - start) * 1000:.0f} ms"
    return ok(message, sent=True, functions=list(names), id=event.get_id())


def join_names(names: Sequence[str]) -> str:
    """Join the first names, and say how many more there are."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
