"""The simulator as an HTTP server: which API serves which path, and its life from listening to shutting down."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from vcenter_simulator import control, rest, soap_api
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD, Accounts
from vcenter_simulator.faults import DroppableProtocol, FaultInjector, Faults
from vcenter_simulator.inventory import NAMES, Inventory
from vcenter_simulator.journal import Journal
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vijson import api as vijson_api
from vcenter_simulator.vmomi import RELEASES

# Longer than clients pool idle connections, so that none of theirs is stale when they come back to it.
_KEEP_ALIVE_SECONDS = 1200
_GRACE_SECONDS = 0.5
# How often to look whether it is to end, and whether all clients have gone: more often than uvicorn does, since tests
# start and end simulators by the dozen.
_TICK_SECONDS, _DRAIN_POLL_SECONDS = 0.02, 0.005


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. ``rate`` is events a second, ``latency`` seconds added to each answer, ``backlog`` events at start.

    ``objects`` is how many VMs there are, which the events of both are about in turn.

    ``port`` 0 takes any free one. ``trust_cert`` is where to write the certificate (with ``tls``). ``journal`` is the
    file in which the history outlives a restart, None for not at all. ``releases`` are those of VI/JSON that it offers;
    without any it speaks SOAP alone.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    rate: float = 0.0
    latency: float = 0.0
    username: str = ADMINISTRATOR
    password: str = PASSWORD
    backlog: int = 0
    objects: int = len(NAMES)
    trust_cert: Path | None = None
    journal: Path | None = None
    releases: tuple[str, ...] = RELEASES


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulator that listens. ``base`` is its address (``http://127.0.0.1:43123``)."""

    base: str
    vcenter: Vcenter
    server: uvicorn.Server

    @property
    def url(self) -> str:
        """The address of its SOAP API."""
        return f"{self.base}/sdk"


def build_app(vcenter: Vcenter) -> Starlette:
    """Every API of a vCenter: SOAP, VI/JSON, tagging over REST, and the simulator's own controls."""
    apis = (soap_api.routes, vijson_api.routes, rest.routes, control.routes)
    routes = [route for list_routes in apis for route in list_routes(vcenter)]
    return Starlette(routes=routes, middleware=[Middleware(FaultInjector, faults=vcenter.faults)])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, vcenter: Vcenter, on_start: Callable[["_Server"], None]) -> None:
        super().__init__(config)
        self._vcenter = vcenter
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._on_start(self)

    async def main_loop(self) -> None:
        """Serve until the end."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            await asyncio.sleep(_TICK_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A signal is a clean end: uvicorn would raise it once more afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop soon: long polls and delays end at once, and clients that keep their connection are not waited for."""
        self._vcenter.changes.close()
        self._vcenter.faults.end()
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # Polled, since uvicorn's state has nothing to wait on.
        abort = asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._abort)
        while (self.server_state.connections or self.server_state.tasks) and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        abort.cancel()

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def serve(options: Options, ready: Callable[[Simulator], None]) -> None:
    """Run until a signal, or until ``Simulator.server.should_exit``. ``ready`` is called once it listens.

    Raises OSError for an address that cannot be had.
    """
    vcenter, listener = _build_vcenter(options), _listen(options.host, options.port)
    scheme = "https" if options.tls else "http"
    base = f"{scheme}://{bracket_ipv6(options.host)}:{listener.getsockname()[1]}"
    server = _Server(_config(vcenter, options), vcenter, lambda own: ready(Simulator(base, vcenter, own)))
    async with _load(vcenter, options.rate):
        await server.serve([listener])


def _build_vcenter(options: Options) -> Vcenter:
    vcenter = Vcenter(
        accounts=Accounts(options.username, options.password),
        inventory=Inventory(options.objects),
        faults=Faults(options.latency),
        releases=options.releases,
    )
    if options.journal is not None:
        journal = Journal(options.journal, vcenter.instance_uuid)
        vcenter.instance_uuid = journal.instance_uuid
        journal.restore(vcenter.events.history)
    vcenter.load.backlog(options.backlog)
    return vcenter


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    # asyncio sets this only on sockets that say they are TCP, which these do not; without it each answer waits some
    # 40 ms for the other side's delayed acknowledgement. Connections inherit it from the listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def bracket_ipv6(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _config(vcenter: Vcenter, options: Options) -> uvicorn.Config:
    config = uvicorn.Config(
        build_app(vcenter),
        http=DroppableProtocol,
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    if options.tls:
        from vcenter_simulator.certificate import server_context  # cryptography is an extra, for TLS alone

        config.ssl_context_factory = lambda _config, _default: server_context(options.trust_cert)
    return config


@contextlib.asynccontextmanager
async def _load(vcenter: Vcenter, rate: float) -> AsyncIterator[None]:
    task = asyncio.create_task(vcenter.load.run(rate)) if rate > 0 else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
