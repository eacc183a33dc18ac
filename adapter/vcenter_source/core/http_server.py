"""HTTP served beside the adapter's work, by aiohttp: its client is loaded anyway, and it leaves signals alone."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.sockets import explain_os_error, listen
from vcenter_source.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class BindAddress:
    """Where to listen; port 0 is any free one. ``setting`` says it, and ``instead`` what else it may say."""

    host: str
    port: int
    setting: str
    instead: str = "set another, or 0"


@asynccontextmanager
async def serve_app(application: web.Application, place: BindAddress, shutdown_seconds: float) -> AsyncIterator[int]:
    """Serve while this lasts, on the port given. Requests under way then have ``shutdown_seconds`` to be answered.

    Raises ConfigurationError when the port cannot be had.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=shutdown_seconds)
    async with serve(runner, place) as port:
        yield port


@asynccontextmanager
async def serve(runner: web.BaseRunner, place: BindAddress) -> AsyncIterator[int]:
    """Serve what a runner runs while this lasts, on the port given. Raises ConfigurationError."""
    await runner.setup()
    try:
        with bind_errors(place):
            for listener in listen(place.host, place.port):
                await web.SockSite(runner, listener).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextmanager
def bind_errors(place: BindAddress) -> Iterator[None]:
    """What cannot be listened on is a wrong setting."""
    try:
        yield
    except OSError as exc:
        where = f"{place.setting}: cannot listen on {add_brackets(place.host)}:{place.port}"
        raise ConfigurationError(f"{where}: {explain_os_error(exc)}; {place.instead}") from exc


def render_metrics(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The page that Prometheus reads, as its ``Accept`` asks for it, and what it is by its type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def metrics_handler(registry: CollectorRegistry) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The same as an endpoint."""

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = render_metrics(registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return metrics
