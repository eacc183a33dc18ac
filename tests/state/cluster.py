"""A world whose adapters are pods of one cluster, whichever API server that has."""

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from tests.guarantees.process import Adapter
from tests.guarantees.support import World
from tests.support.waiting import eventually
from vcenter_source.state.checkpoint.configmap import KEY

LEASE, CHECKPOINT = "vcenter-source", "vcenter-source-checkpoint"
WINDOW = 16
DURATION = 3
"""LEASE_DURATION of these adapters, in seconds: what is not renewed for two of them is not delivered on."""


class Api(Protocol):
    """What an administrator sees of an API server."""

    def get(self, resource: str, name: str) -> dict[str, Any] | None:
        """An object in our namespace, None where there is none."""


A = TypeVar("A", bound=Api)


@dataclass
class Cluster(Generic[A]):
    """A world whose adapters are pods of one cluster. Its sink is slow: there is always something on its way."""

    world: World
    api: A
    config: Path
    adapters: dict[str, Adapter] = field(default_factory=dict)

    def adapter(self, name: str, **settings: str) -> Adapter:
        usual = {
            "KUBECONFIG": str(self.config),
            "LEASE": LEASE,
            "LEASE_DURATION": str(DURATION),
            "CHECKPOINT": f"configmap://{CHECKPOINT}",
            "MAX_IN_FLIGHT": str(WINDOW),
            "K_CE_OVERRIDES": json.dumps({"extensions": {"sentby": name}}),
        }
        self.adapters[name] = self.world.adapter(**(usual | settings))
        return self.adapters[name]

    def pair(self) -> tuple[Adapter, Adapter]:
        """Adapter a, which delivers, and adapter b, which stands by."""
        first = self.adapter("a")
        first.wait_for("leading")
        second = self.adapter("b")
        second.wait_for("standing by")
        return first, second

    def kept(self) -> Any:
        """The key of the event up to which the ConfigMap says that all are acknowledged; None where it says nothing."""
        found = self.api.get("configmaps", CHECKPOINT)
        content = ((found or {}).get("data") or {}).get(KEY)
        return json.loads(content).get("last", [None])[0] if content else None

    def senders(self) -> list[str]:
        """Who delivered, in turn."""
        return [name for name, _ in itertools.groupby(each.sentby for each in self.world.sink.requests())]

    def delivers(self, name: str, count: int = 1) -> None:
        """Wait until it has delivered so many events."""

        eventually(lambda: self.world.sink.senders().get(name, 0) >= count, lambda: self.adapters[name].output)

    def spec(self) -> dict[str, Any]:
        found = self.api.get("leases", LEASE)
        assert found is not None
        spec: dict[str, Any] = found.get("spec") or {}
        return spec
