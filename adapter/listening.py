"""HTTP served beside the adapter's work, by aiohttp: its client is loaded anyway, and it leaves signals alone."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from adapter.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen; port 0 is any free one. ``setting`` says it, and ``instead`` what else it may say."""

    host: str
    port: int
    setting: str
    instead: str = "set another, or 0"


@asynccontextmanager
async def listening(application: web.Application, place: Place, shutdown_seconds: float) -> AsyncIterator[int]:
    """Serve while this lasts, on the port given. Requests under way then have ``shutdown_seconds`` to be answered.

    Raises ConfigurationError when the port cannot be had.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    try:
        with refusing(place):
            await web.TCPSite(runner, place.host, place.port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextmanager
def refusing(place: Place) -> Iterator[None]:
    """What cannot be listened on is a wrong setting."""
    try:
        yield
    except OSError as exc:
        reason = (exc.strerror or str(exc)).rpartition(": ")[2]
        where = f"{place.setting}: cannot listen on {place.host}:{place.port}"
        raise ConfigurationError(f"{where}: {reason}; {place.instead}") from exc


def exposed(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The page that Prometheus reads, as its ``Accept`` asks for it, and what it is by its type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def exposition(registry: CollectorRegistry) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The same as an endpoint."""

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = exposed(registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return metrics
