"""A start before Knative has said where events go.

Knative gives K_SINK to a Deployment, not to a pod that runs: a pod without it never gets it, and others take its place.
So it has nothing to look at while it waits. It stays, not ready, for as long as that takes as a rule, since one that
ends is started again and again, each time after a longer pause.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

import structlog
from prometheus_client import CollectorRegistry

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.observe import health
from vcenter_source.settings.source import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unbound:
    """Readiness of a pod that does not know where events go."""

    def checks(self) -> dict[str, health.Check]:
        """None of the others is looked at."""
        return {"sink": health.Check(ok=False, why="K_SINK is not set")}


async def wait_without_sink(settings: Settings, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> NoReturn:
    """Wait for SINK_WAIT, not ready, unless cancelled before. Raises ConfigurationError then."""
    seconds = patience(settings)
    if seconds:
        registry = CollectorRegistry()
        async with health.serve_health(Unbound(), registry, settings.health.host, settings.health_port):
            log.warning("K_SINK is not set, waiting for the pod in which Knative sets it", seconds=seconds)
            await sleep(seconds)
    raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to print events")


def patience(settings: Settings) -> float:
    """How long to wait, in seconds: SINK_WAIT, and outside a pod, where nobody sets K_SINK later, only if it is set."""
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    return settings.sink.wait if in_pod or "wait" in settings.sink.model_fields_set else 0.0
