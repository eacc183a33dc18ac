"""Serve HTTP beside the adapter's work, by aiohttp: its client is loaded anyway, and it leaves signals alone."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from socket import socket

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.sockets import explain_os_error, listen
from vcenter_source.core.errors import ConfigurationError

ACCEPT_TURNS = 3
"""How many turns of the event loop a connection takes from being accepted to its begin."""


@dataclass(frozen=True, slots=True)
class BindAddress:
    """Where to listen; port 0 is any free one. ``setting`` names the setting, ``instead`` what else to set."""

    host: str
    port: int
    setting: str
    instead: str = "set another, or 0"


@asynccontextmanager
async def serve_app(application: web.Application, address: BindAddress, shutdown_seconds: float) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port. At the end, open requests have ``shutdown_seconds`` to be answered.

    Raises ConfigurationError if the port cannot be bound.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=shutdown_seconds)
    async with serve_runner(runner, address) as port:
        yield port


@asynccontextmanager
async def serve_runner(
    runner: web.BaseRunner, address: BindAddress, drain: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[int]:
    """Serve a runner until the block ends; yield the port. At the end, await ``drain`` before connections are closed.

    Raises ConfigurationError if the port cannot be bound.
    """
    await runner.setup()
    listeners: list[socket] = []
    try:
        with bind_errors(address):
            listeners = listen(address.host, address.port)
            for listener in listeners:
                await web.SockSite(runner, listener).start()
        yield runner.addresses[0][1]
    finally:
        try:
            await stop_accepting(runner, listeners)
            if drain is not None:
                await drain()
        finally:
            await runner.cleanup()


def catch_stop() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on; they do not end the process any more."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def stop_accepting(runner: web.BaseRunner, listeners: Iterable[socket]) -> None:
    """Stop listening, once the connections that have just come have begun.

    In the middle of that, a server that is closed leaves them open: https://github.com/python/cpython/issues/109564.
    """
    for listener in listeners:
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)
    for site in list(runner.sites):
        await site.stop()


@contextmanager
def bind_errors(address: BindAddress) -> Iterator[None]:
    """Map a failure to listen to ConfigurationError."""
    try:
        yield
    except OSError as exc:
        where = f"{address.setting}: cannot listen on {add_brackets(address.host)}:{address.port}"
        raise ConfigurationError(f"{where}: {explain_os_error(exc)}; {address.instead}") from exc


def render_metrics(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Render the page for Prometheus in the format that its ``Accept`` header asks for; return it with its type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def make_metrics_handler(registry: CollectorRegistry) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make the endpoint that serves the metrics."""

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = render_metrics(registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return metrics
