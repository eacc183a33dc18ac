"""The admin server: /healthz and /readyz for probes, /metrics for Prometheus, on the event loop that does the work."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from vcenter_source.core.http_server import BindAddress, make_metrics_handler, serve_app
from vcenter_source.observe.health import Check

log = structlog.get_logger()

SHUTDOWN_SECONDS = 1.0
"""Seconds that an open scrape may hold up the end of the process."""


class Readiness(Protocol):
    """What knows whether the adapter is ready."""

    def run_checks(self) -> dict[str, Check]:
        """Return the checks of readiness by name."""

    def run_checks_by_vcenter(self) -> dict[str, dict[str, Check]]:
        """Return the checks of each of several vCenters by its name."""


def to_json(checks: Mapping[str, Check]) -> dict[str, dict[str, Any]]:
    """Return checks as JSON has them."""
    return {name: asdict(check) for name, check in checks.items()}


def build_app(readiness: Readiness, registry: CollectorRegistry) -> web.Application:
    """Build the application with the three pages."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")  # an answer shows that the event loop runs; there is no more to know

    async def readyz(_: web.Request) -> web.Response:
        checks = readiness.run_checks()
        ready = all(check.ok for check in checks.values())
        answer = {"ready": ready, "checks": to_json(checks)}
        by_vcenter = readiness.run_checks_by_vcenter()
        if by_vcenter:
            answer["vcenters"] = {vcenter: to_json(each) for vcenter, each in by_vcenter.items()}
        return web.json_response(answer, status=200 if ready else 503)

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", make_metrics_handler(registry))]
    )
    return app


@asynccontextmanager
async def serve_health(
    readiness: Readiness, registry: CollectorRegistry, host: str, port: int | None
) -> AsyncIterator[None]:
    """Serve until the block ends; nothing if ``port`` is None. The log names the port that 0 has chosen.

    Raises ConfigurationError if the port cannot be bound.
    """
    if port is None:
        yield
        return
    place = BindAddress(host, port, "HEALTH_PORT", "set another, 0 for any free one, or off")
    async with serve_app(build_app(readiness, registry), place, SHUTDOWN_SECONDS) as bound:
        log.info("serving /healthz, /readyz and /metrics", host=host, port=bound)
        yield
