"""The sink, and the one for dead letters: the way there, and one event if asked."""

import asyncio
import time
from functools import partial

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.commands.doctor import gateway
from vcenter_source.commands.doctor.endpoint import Endpoint, Trust
from vcenter_source.commands.doctor.steps import Finding, Outcome, Step, failed, ok, take
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.proxies import find_proxy
from vcenter_source.events.adapter_events import PING_TYPE, ping_event
from vcenter_source.settings.sink import OPENFAAS
from vcenter_source.settings.source import Settings
from vcenter_source.sinks.mounted import Trust as SinkTrust
from vcenter_source.wiring import open_sink

PING_LIMIT = 4.0
"""Seconds that the sink may take for it, less than a check may."""


async def sink_findings(settings: Settings, *, ping: bool) -> list[Finding]:
    """The checks of K_SINK."""
    if settings.sink.address is None or settings.sink.address == "-":
        return [Finding("sink", ok("events are printed"))]
    way = steps_to(settings.sink.address, "K_SINK", "sink", settings.sink.ca_certs)
    if settings.sink.address.startswith(OPENFAAS):
        way.append(gateway.functions_step(settings, way[-1].name))
    return await take([*way, Step("sink ping", partial(ping_outcome, settings, wanted=ping), way[-1].name)])


async def dead_letter_sink_findings(settings: Settings) -> list[Finding]:
    """The checks of DEAD_LETTER_SINK; none where it is not set."""
    if settings.dead_letters.sink is None:
        return []
    return await take(
        steps_to(settings.dead_letters.sink, "DEAD_LETTER_SINK", "dead letter sink", settings.sink.ca_certs)
    )


def steps_to(url: str, setting: str, area: str, ca_certs: str | None) -> list[Step]:
    """The way to a sink, through a proxy where the environment names one for it. The OpenFaaS gateway has none."""
    trusted = Trust(SinkTrust(ca_certs).context, "set K_CA_CERTS to its authority's PEM certificate")
    plain = ok("http: not encrypted, as is usual within a cluster")
    proxy = None if url.startswith(OPENFAAS) else find_proxy(url)
    return Endpoint(url.removeprefix(OPENFAAS), setting, trusted, plain, proxy).steps(area)


async def ping_outcome(settings: Settings, *, wanted: bool) -> Outcome:
    """Send one event of the adapter's own, and show the answer."""
    if not wanted:
        return ok(f"not sent: --ping sends a {PING_TYPE} event", sent=False)
    event = ping_event(settings.vcenter.source, settings.events.extensions)
    send = gateway.pinged if str(settings.sink.address).startswith(OPENFAAS) else pinged
    try:
        async with asyncio.timeout(PING_LIMIT):
            return await send(settings, event)
    except TimeoutError:
        found = f"sent, and not answered within {PING_LIMIT:g} s"
        return failed(
            found, f"see what holds the sink up; run waits {settings.sink.timeout:g} s (SINK_TIMEOUT)", sent=True
        )
    except SinkAccessError as exc:
        advice = "see whether K_SINK is right, and what a policy, a gateway or a proxy on the way asks of who sends"
        return failed(str(exc), advice, sent=True, status=exc.status)
    except SinkUnavailableError as exc:
        return failed(
            str(exc), "see whether K_SINK's path is right and the sink is ready", sent=True, status=exc.status
        )
    except EventRefusedError as exc:
        return failed(str(exc), "the sink refuses what the adapter sends: see its log", sent=True, status=exc.status)


async def pinged(settings: Settings, event: CloudEvent) -> Outcome:
    """Send one event to an HTTP sink. Raises what the sink raises."""
    begun = time.perf_counter()
    async with open_sink(settings.sink) as sink:
        receipt = await sink.send(Envelope(event))
    milliseconds = (time.perf_counter() - begun) * 1000
    return ok(
        f"accepted with {receipt.status} in {milliseconds:.0f} ms", sent=True, status=receipt.status, id=event.get_id()
    )
