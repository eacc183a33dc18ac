"""Events for the OpenFaaS tests, and the sink at a gateway of the tests' own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.v1.event import CloudEvent
from prometheus_client import CollectorRegistry

from tests.support.openfaas_gateway import FakeGateway
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, SinkUnavailableError
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.events.conversion import Converter
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.sinks.openfaas.sink import OpenfaasSink, gateway_sink

WHEN = datetime(2026, 1, 31, 8, 0, 0, 500000, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def reference(kind: str, moid: str) -> dict[str, str]:
    return {"_typeName": "ManagedObjectReference", "type": kind, "value": moid}


def pool_created_data() -> dict[str, Any]:
    """A resource pool's event in VI/JSON."""
    pool = {"_typeName": "ResourcePoolEventArgument", "name": "pröd", "resourcePool": reference("ResourcePool", "rg-9")}
    parent = {"_typeName": "ResourcePoolEventArgument", "name": "up", "resourcePool": reference("ResourcePool", "rg-8")}
    return {
        "_typeName": "ResourcePoolCreatedEvent",
        "key": 4711,
        "chainId": 4711,
        "createdTime": "2026-01-31T08:00:00.5Z",
        "userName": "VSPHERE.LOCAL\\jane",
        "fullFormattedMessage": "Created",
        "resourcePool": pool,
        "parent": parent,
    }


def vcenter_event(class_name: str, subject: tuple[str, str] | None = None, key: int = 1, **data: Any) -> Event:
    shape = {"_typeName": class_name, "key": key, "createdTime": "2026-01-31T08:00:00.5Z", **data}
    return Event(class_name, key, WHEN, ManagedObjectReference(*subject) if subject else None, shape)


def pool_created(key: int = 4711, **converter: Any) -> CloudEvent:
    data = pool_created_data() | {"key": key}
    event = Event("ResourcePoolCreatedEvent", key, WHEN, ManagedObjectReference("ResourcePool", "rg-9"), data)
    return cloudevent(event, **converter)


def cloudevent(event: Event, traceparent: str | None = None, **converter: Any) -> CloudEvent:
    made = Converter(source="https://vc.example.com/sdk", api_version="8.0.3.0", **converter)
    return made.convert(event, traceparent)


def settings(gateway: FakeGateway, **others: Any) -> GatewaySettings:
    """By the variables' names; a topic map is read often."""
    return GatewaySettings.model_validate({"OPENFAAS_URL": gateway.url, "TOPIC_MAP_INTERVAL": 0.05} | others)


@asynccontextmanager
async def sink_at(gateway: FakeGateway, **others: Any) -> AsyncIterator[OpenfaasSink]:
    async with gateway_sink(settings(gateway, **others), CollectorRegistry()) as sink:
        yield sink


async def send(sink: OpenfaasSink, event: CloudEvent, resend: int = 0) -> None:
    await sink.send(Envelope(event, attempt=resend))


async def deliver(sink: OpenfaasSink, event: CloudEvent) -> list[Exception]:
    """Send until it is taken or refused, as the delivery does, but at once; what failed on the way."""
    failed: list[Exception] = []
    while True:
        try:
            await send(sink, event, len(failed))
        except SinkUnavailableError as exc:
            failed.append(exc)
        except EventRefusedError as exc:
            return [*failed, exc]
        else:
            return failed


def at(gateway: FakeGateway, do: Callable[[OpenfaasSink], Awaitable[Any]], **others: Any) -> Any:
    """Run this with a sink at the gateway."""

    async def run() -> Any:
        async with sink_at(gateway, **others) as sink:
            return await do(sink)

    return asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    """Poll: the gateway lives in threads of its own."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  there is nothing to wait on, as above
            await asyncio.sleep(0.01)
