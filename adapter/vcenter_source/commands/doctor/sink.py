"""The sink, and the one for dead letters: the way there, and a test event if asked for."""

import asyncio
import time
from functools import partial

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.commands.doctor import gateway
from vcenter_source.commands.doctor.checks import CheckResult, DoctorCheck, Results, failure, ok, run_checks
from vcenter_source.commands.doctor.endpoint import Endpoint, TrustPolicy
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.proxies import find_proxy
from vcenter_source.events.adapter_events import PING_TYPE, ping_event
from vcenter_source.pipeline.roster import open_roster
from vcenter_source.settings.sink import OPENFAAS
from vcenter_source.settings.source import Settings
from vcenter_source.sinks.trust_bundle import TrustBundle
from vcenter_source.wiring import open_sink

PING_TIMEOUT = 4.0
"""Seconds that the sink may take for the test event, less than a check may take."""


async def run_sink_checks(settings: Settings, *, ping: bool) -> Results:
    """Check K_SINK."""
    address = settings.sink.address
    if address is None or address == "-":
        return {"sink": ok("events are printed")}
    checks = checks_of_way(address, "K_SINK", "sink", settings.sink.ca_certs)
    if address.startswith(OPENFAAS):
        checks.append(gateway.functions_check(settings, checks[-1].name))
    ping_check = DoctorCheck("sink ping", partial(check_ping, settings, ping=ping), checks[-1].name)
    return await run_checks([*checks, ping_check])


async def run_dead_letter_sink_checks(settings: Settings) -> Results:
    """Check DEAD_LETTER_SINK; there are no results where it is not set."""
    address = settings.dead_letters.sink
    if address is None:
        return {}
    return await run_checks(checks_of_way(address, "DEAD_LETTER_SINK", "dead letter sink", settings.sink.ca_certs))


def checks_of_way(url: str, setting: str, area: str, ca_certs: str | None) -> list[DoctorCheck]:
    """List the checks of the way to a sink, through its proxy if it has one. The OpenFaaS gateway has none."""
    trust = TrustPolicy(TrustBundle(ca_certs).context, "set K_CA_CERTS to its authority's PEM certificate")
    plain = ok("http: not encrypted, as is usual within a cluster")
    proxy = None if url.startswith(OPENFAAS) else find_proxy(url)
    return Endpoint(url.removeprefix(OPENFAAS), setting, trust, plain, proxy).checks(area)


async def check_ping(settings: Settings, *, ping: bool) -> CheckResult:
    """Send a test event if asked for, and show the answer."""
    if not ping:
        return ok(f"not sent: --ping sends a {PING_TYPE} event", sent=False)
    event = ping_event(open_roster(settings).vcenters[0].vcenter.source, settings.events.extensions)
    send = gateway.ping_functions if str(settings.sink.address).startswith(OPENFAAS) else ping_sink
    try:
        async with asyncio.timeout(PING_TIMEOUT):
            return await send(settings, event)
    except TimeoutError:
        advice = f"find out what delays the sink; run waits {settings.sink.timeout:g} s (SINK_TIMEOUT)"
        return failure(f"sent, but not answered within {PING_TIMEOUT:g} s", advice, sent=True)
    except SinkAccessError as exc:
        advice = "check K_SINK, and what a policy, a gateway or a proxy on the way requires of the sender"
        return failure(str(exc), advice, sent=True, status=exc.status)
    except SinkUnavailableError as exc:
        advice = "check the path in K_SINK, and whether the sink is ready"
        return failure(str(exc), advice, sent=True, status=exc.status)
    except EventRefusedError as exc:
        return failure(str(exc), "the sink refuses the adapter's events: see its log", sent=True, status=exc.status)


async def ping_sink(settings: Settings, event: CloudEvent) -> CheckResult:
    """Send one event to an HTTP sink. Raises what the sink raises."""
    start = time.perf_counter()
    async with open_sink(settings.sink) as sink:
        receipt = await sink.send(Envelope(event))
    message = f"accepted with {receipt.status} in {(time.perf_counter() - start) * 1000:.0f} ms"
    return ok(message, sent=True, status=receipt.status, id=event.get_id())
