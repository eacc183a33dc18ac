"""A start before Knative has said where events go.

Knative sets K_SINK in a Deployment, not in a running pod: a pod without it never gets it, and another pod takes its
place. So there is nothing to check while it waits. It waits, not ready, for as long as that usually takes, because a
pod that exits is restarted again and again, each time after a longer pause.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

import structlog
from prometheus_client import CollectorRegistry

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.observe.admin_server import serve_health
from vcenter_source.observe.health import Check
from vcenter_source.settings.source import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unbound:
    """The readiness of a pod that does not know where events go."""

    def run_checks(self) -> dict[str, Check]:
        """Return the one check that matters."""
        return {"sink": Check(ok=False, why="K_SINK is not set")}

    def run_checks_by_vcenter(self) -> dict[str, dict[str, Check]]:
        """Return nothing: no vCenter is read yet."""
        return {}


async def wait_without_sink(settings: Settings, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> NoReturn:
    """Wait for SINK_WAIT, not ready, then raise ConfigurationError."""
    seconds = get_wait_seconds(settings)
    if seconds:
        registry = CollectorRegistry()
        async with serve_health(Unbound(), registry, settings.health.host, settings.health_port):
            log.warning("K_SINK is not set, waiting for the pod in which Knative sets it", seconds=seconds)
            await sleep(seconds)
    raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to print events")


def get_wait_seconds(settings: Settings) -> float:
    """Return how many seconds to wait: SINK_WAIT. Outside a pod nobody sets K_SINK later, so only if it is set."""
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    return settings.sink.wait if in_pod or "wait" in settings.sink.model_fields_set else 0.0
