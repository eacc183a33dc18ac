"""The admin server: /healthz and /readyz for probes, /metrics for Prometheus; on the loop whose turning it proves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Protocol

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.http_server import BindAddress, make_metrics_handler, serve_app
from vcenter_source.observe.stall import STALL_SECONDS
from vcenter_source.observe.status import PipelineStatus, Waiting
from vcenter_source.pipeline.reader import WAIT_SECONDS
from vcenter_source.state.lease import Lease

log = structlog.get_logger()

SHUTDOWN_SECONDS = 1.0
"""How long a scrape under way may hold up the end of the process."""


@dataclass(frozen=True, slots=True)
class Check:
    """One of the things that readiness is made of, and why it is as it is, for an operator."""

    ok: bool
    why: str


@dataclass(frozen=True, slots=True)
class Health:
    """Judges the status.

    In seconds: ``stale_after`` is how long something may go wrong before it shows here, ``checkpoint_interval`` how far
    apart the checkpoint's saves are. ``lease`` says which of several adapters delivers, None without others.
    ``gateway`` is the reading of functions from an OpenFaaS gateway, None for other sinks.
    """

    status: PipelineStatus
    stale_after: float
    checkpoint_interval: float
    lease: Lease | None = None
    gateway: ConnectionStatus | None = None

    @property
    def is_leading(self) -> bool:
        """Whether it is this adapter that delivers."""
        return self.lease is None or self.lease.is_held

    def checks(self) -> dict[str, Check]:
        """All of them, by name. Who stands by speaks with nobody but the API server, and is ready as such."""
        lease = {"lease": self._lease(self.lease)} if self.lease else {}
        if not self.is_leading:
            return lease
        gateway = {"gateway": self._gateway(self.gateway)} if self.gateway else {}
        ends = {"vcenter": self._vcenter(), "sink": self._sink()} | gateway
        return ends | {"checkpoint": self._checkpoint()} | lease

    def _lease(self, lease: Lease) -> Check:
        """It is ours, or we know lately whose it is."""
        if lease.is_held:
            return Check(ok=True, why=f"leading{because(lease.connection.reason)}")
        if lease.connection.failing_for > self.stale_after:
            return Check(
                ok=False,
                why=f"standby, and blind for {lease.connection.failing_for:.0f} s{because(lease.connection.reason)}",
            )
        return Check(ok=True, why=f"standby{because(f'{lease.holder} is leading' if lease.holder else '')}")

    def _vcenter(self) -> Check:
        """It was read lately. While events wait for the sink no more are read, and that is not vCenter's fault."""
        connection, age = self.status.vcenter, self.status.vcenter.age
        if age is None:
            return Check(ok=False, why=f"not read yet{because(connection.reason)}")
        if connection.failing_for > self.stale_after:
            return Check(ok=False, why=f"not read for {age:.0f} s{because(connection.reason)}")
        if age > self.stale_after + WAIT_SECONDS and not self.status.in_flight:
            return Check(ok=False, why=f"has not answered for {age:.0f} s")
        return Check(ok=True, why=f"read {age:.0f} s ago")

    def _sink(self) -> Check:
        """It has accepted an event lately, or none waits for long. One that waits is named: it may be the reason."""
        connection, oldest = self.status.sink, self.status.oldest
        age = connection.age
        accepted = "no event accepted yet" if age is None else f"the last event was accepted {age:.0f} s ago"
        if oldest is None or (
            oldest.seconds < min(STALL_SECONDS, self.stale_after) and not connection.is_access_refused
        ):
            return Check(ok=True, why=accepted)
        held = f"{accepted}, and {described(oldest, self.status.in_flight)}"
        is_patient = oldest.seconds <= self.stale_after or (age is not None and age <= self.stale_after)
        return Check(ok=is_patient and not connection.is_access_refused, why=held)

    def _gateway(self, connection: ConnectionStatus) -> Check:
        """Its functions were read lately. Events go by the last that are known."""
        if connection.age is None or connection.failing_for > self.stale_after:
            age = "yet" if connection.age is None else f"for {connection.age:.0f} s"
            return Check(ok=False, why=f"functions not read {age}{because(connection.reason)}")
        return Check(ok=True, why=f"functions read {connection.age:.0f} s ago")

    def _checkpoint(self) -> Check:
        """It was saved lately, or there was nothing to save."""
        connection, age = self.status.checkpoint, self.status.checkpoint.age
        if age is None and not connection.failing_for:
            return Check(ok=True, why="nothing to save yet")
        late = connection.failing_for if age is None else age
        if connection.failing_for > self.stale_after or late > self.stale_after + self.checkpoint_interval:
            return Check(ok=False, why=f"not saved for {late:.0f} s{because(connection.reason)}")
        return Check(ok=True, why=f"up to date {late:.0f} s ago{because(connection.reason)}")


def described(oldest: Waiting, in_flight: int) -> str:
    """Which event waits, for how long and for what."""
    named = oldest.envelope.event
    event = f"event {named.get_id()} ({named.get_type()})"
    more = f", and {in_flight - 1} more" if in_flight > 1 else ""
    failures = f"{oldest.failures} failed {'try' if oldest.failures == 1 else 'tries'}: {oldest.reason}"
    why = failures if oldest.failures else "no answer yet"
    return f"{event} waits for {oldest.seconds:.0f} s{more}: {why}"


def because(reason: str) -> str:
    """A reason, where there is one, as the end of a sentence."""
    return f": {reason}" if reason else ""


class Judge(Protocol):
    """Whoever knows how things stand."""

    def checks(self) -> dict[str, Check]:
        """All that readiness is made of, by name."""


def application(judge: Judge, registry: CollectorRegistry) -> web.Application:
    """The three pages."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")  # that the loop came to answer is all there is to know

    async def readyz(_: web.Request) -> web.Response:
        checks = judge.checks()
        ready = all(check.ok for check in checks.values())
        answer = {"ready": ready, "checks": {name: asdict(check) for name, check in checks.items()}}
        return web.json_response(answer, status=200 if ready else 503)

    served = web.Application()
    served.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", make_metrics_handler(registry))]
    )
    return served


@asynccontextmanager
async def serve_health(judge: Judge, registry: CollectorRegistry, host: str, port: int | None) -> AsyncIterator[None]:
    """Serve while this lasts; not at all where ``port`` is None. Port 0 takes any free one, which the log names.

    Raises ConfigurationError when the port cannot be had.
    """
    if port is None:
        yield
        return
    place = BindAddress(host, port, "HEALTH_PORT", "set another, 0 for any free one, or off")
    async with serve_app(application(judge, registry), place, SHUTDOWN_SECONDS) as bound:
        log.info("serving /healthz, /readyz and /metrics", host=host, port=bound)
        yield
