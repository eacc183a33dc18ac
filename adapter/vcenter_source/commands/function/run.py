"""``vcenter-source function run``: a handler.py served, started anew when it changes, with all that happens to it.

::

    simulator ──▶ adapter ──▶ function          each a process of its own
                     └──────────┴─── spans ──▶ this process, which prints what became of each event
"""

import asyncio
import os
import queue
import secrets
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vcenter_functions.otel.span_receiver import Receiver, forwarder
from vcenter_source.commands.function.attempts import Attempts, print_attempt
from vcenter_source.commands.function.children import Child, start_child
from vcenter_source.commands.function.required import require_functions
from vcenter_source.commands.output import print_lines
from vcenter_source.commands.simulate import require_simulator
from vcenter_source.core.errors import ConfigurationError, PermanentError

if TYPE_CHECKING:
    from vcenter_functions.otel.waterfall import Span

POLL_SECONDS = 0.1
"""How often the files and the spans are looked at."""

SAMPLE_HOST = "vcenter.example.com"
"""The vCenter that samples come from; the simulated one counts as it."""

WATCHED = ("*.py", "requirements.txt")
NOT_OF_A_TRIAL = ("CHECKPOINT", "DEAD_LETTER_FOLDER", "K_CE_OVERRIDES", "LEASE", "VIEWER")
"""Settings of an adapter that is meant to last; the one here begins with what happens now."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run. ``port`` 0 takes any free one; ``rate`` is the simulated vCenter's events a second."""

    path: str
    port: int = 8080
    simulate: bool = False
    rate: float = 1.0
    vcenter: bool = False


def run_function(request: RunRequest) -> None:
    """Run it until SIGINT or SIGTERM. Raises ConfigurationError and PermanentError."""
    require_functions("function run")
    if request.simulate and request.vcenter:
        raise ConfigurationError("--simulate and --vcenter exclude each other: events come from one of them")
    if request.simulate:
        require_simulator("function run --simulate")
    if request.vcenter and not any(os.environ.get(name) for name in ("VCENTER_URL", "GOVC_URL", "VCENTERS_FILE")):
        raise ConfigurationError(
            "function run --vcenter: VCENTER_URL is not set; set it to vCenter's address, or VCENTERS_FILE to a list"
        )
    path = Path(request.path)
    file = path / "handler.py" if path.is_dir() else path
    if not file.is_file():
        raise ConfigurationError(f"{request.path}: there is no such file; name a handler.py or its folder")
    spans: queue.SimpleQueue[list[Span]] = queue.SimpleQueue()
    with Receiver(forwarder(say), on_spans=spans.put) as receiver:
        run = FunctionRun(request, file, receiver.url, spans)
        asyncio.run(run.run_until_signal())


def say(line: str) -> None:
    """Print a line."""
    print_lines([line], sys.stdout)


def list_simulator_arguments(rate: float, account: Mapping[str, str]) -> list[str]:
    """List the arguments for a simulated vCenter on a free port, the module's name first."""
    login = [f"--{name.lower()}={value}" for name, value in account.items()]  # a value alone may begin with a dash
    return ["vcenter_simulator", "--port", "0", "--rate", str(rate), *login]


@dataclass(slots=True)
class FunctionRun:
    """The processes of one command; ``otlp`` is where they send their spans, which come out of ``spans``."""

    request: RunRequest
    file: Path
    otlp: str
    spans: "queue.SimpleQueue[list[Span]]"
    _attempts: Attempts = field(default_factory=Attempts)
    _is_stopping: bool = False

    async def run_until_signal(self) -> None:
        """Start the processes, and print until SIGINT or SIGTERM. Raises PermanentError if one of them ends before."""
        loop, work = asyncio.get_running_loop(), asyncio.ensure_future(self._run())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, work)
        with suppress(asyncio.CancelledError):
            await work

    def _stop(self, work: "asyncio.Future[None]") -> None:
        """Stop once: a second signal must leave no process behind, and each has its time to end."""
        if not self._is_stopping:
            self._is_stopping = True
            work.cancel()

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            variables = await self._start_simulator(stack) if self.request.simulate else {}
            printing = asyncio.ensure_future(self._print_attempts())
            stack.callback(printing.cancel)
            await self._serve(stack, variables)

    async def _start_simulator(self, stack: AsyncExitStack) -> dict[str, str]:
        """Start a simulated vCenter; return the variables by which it is reached."""
        account = {"USERNAME": "administrator@vsphere.local", "PASSWORD": secrets.token_urlsafe(12)}
        arguments = list_simulator_arguments(self.request.rate, account)
        simulator = await stack.enter_async_context(start_child("simulator", arguments, {}, say))
        url = await simulator.wait_until_ready()
        if url is None:
            raise PermanentError("the simulated vCenter ended before it was ready")
        say("These lines lead vcenter-source and govc to the simulated vCenter, in another terminal. To power a VM on:")
        say("govc vm.power -on web-1")
        variables = {f"VCENTER_{name}": value for name, value in account.items()}
        return {"VCENTER_URL": url, "VCENTER_ALIASES": SAMPLE_HOST, "GOVC_URL": "", "VCENTERS_FILE": "", **variables}

    async def _serve(self, stack: AsyncExitStack, variables: dict[str, str]) -> None:
        """Run the function, and the adapter once it is ready; run the function anew whenever a file changes."""
        port, adapter, has_run = self.request.port, None, False
        while True:
            seen = self._read_times()
            async with self._start_function(variables, port) as function:
                url = await function.wait_until_ready()
                if url is None and not has_run:
                    raise PermanentError(f"{self.file}: the function does not start; the line above says why")
                if url is not None:
                    has_run = True
                    say(f"function ready: {url}")
                    port = int(url.rstrip("/").rpartition(":")[2])
                    adapter = adapter or await self._start_adapter(stack, url, variables)
                try:
                    await self._wait_for_change(seen, function if url is not None else None, adapter)
                except BaseException:
                    if adapter is not None:
                        await adapter.stop()  # before the function, whose answers it would wait for
                    raise
            say(f"{self.file.name} has changed; starting it anew")

    def _start_function(self, variables: dict[str, str], port: int) -> AbstractAsyncContextManager[Child]:
        settings = {"HOST": "127.0.0.1", "PORT": str(port), **variables, **self._tracing()}
        return start_child("function", ["vcenter_functions", str(self.file)], settings, say)

    async def _start_adapter(self, stack: AsyncExitStack, sink: str, variables: dict[str, str]) -> Child | None:
        """Start the adapter, where events come from a vCenter."""
        if not (self.request.simulate or self.request.vcenter):
            say(f"send it an event: vcenter-source sample VmPoweredOnEvent | vcenter-source send - --to {sink}")
            return None
        settings = {**dict.fromkeys(NOT_OF_A_TRIAL, ""), "HEALTH_PORT": "off", "LOG_LEVEL": "warning"}
        settings |= {"DRAIN_TIMEOUT": "1", **variables, **self._tracing()}
        arguments = ["vcenter_source", "run", "--sink", sink]
        return await stack.enter_async_context(start_child("adapter", arguments, settings, say))

    async def _wait_for_change(self, seen: dict[Path, int], function: Child | None, adapter: Child | None) -> None:
        """Wait until a file has changed. Raises PermanentError if the function or the adapter ends."""
        ends = {asyncio.ensure_future(child.wait()): child for child in (function, adapter) if child}
        try:
            while self._read_times() == seen:
                for end in (end for end in ends if end.done()):
                    raise PermanentError(f"the {ends[end].name} has ended with exit status {end.result()}")
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for end in ends:
                end.cancel()

    async def _print_attempts(self) -> None:
        width = shutil.get_terminal_size().columns
        while True:
            with suppress(queue.Empty):
                while True:
                    self._attempts.add(self.spans.get_nowait())
            for attempt in self._attempts.pop():
                print_attempt(attempt, sys.stdout, width)
            await asyncio.sleep(POLL_SECONDS)

    def _read_times(self) -> dict[Path, int]:
        """Return when each file of the function's folder was changed."""
        times = {}
        for file in (file for pattern in WATCHED for file in self.file.parent.glob(pattern)):
            with suppress(FileNotFoundError):
                times[file] = file.stat().st_mtime_ns
        return times

    def _tracing(self) -> dict[str, str]:
        """Return the variables that send spans here, soon after they end."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_TRACES_SAMPLER": "always_on",
        }
