"""The demo's processes: each started with an environment of its own, watched, and ended whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import httpx

ROOT = Path(__file__).parents[1]
# What ends the demo; SIGHUP comes when its terminal is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL = 0.02
_LAST_LINES = 8
# Everything else of the user's environment stays out: a proxy, a GOVC_URL or an OTEL_* there would change the demo.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "VIRTUAL_ENV", "SYSTEMROOT")
_INHERITED_PREFIXES = ("LC_", "COVERAGE_", "PYTHON")

T = TypeVar("T")


class DemoError(Exception):
    """The demo cannot go on. The message is the reason, one line."""


@dataclass(slots=True)
class Child:
    """One process. Its standard output and error go to ``<name>.out`` and ``<name>.log``."""

    name: str
    server: bool
    process: subprocess.Popen[Any]
    out: Path
    log: Path

    def find_line(self, prefix: str) -> str | None:
        """Return what follows ``prefix`` on the first whole line of its output that starts with it."""
        lines = self.out.read_text(errors="replace").splitlines(keepends=True)
        matches = (line for line in lines if line.startswith(prefix) and line.endswith("\n"))
        return next((line.removeprefix(prefix).strip() for line in matches), None)

    def tail(self) -> list[str]:
        """Return the last lines of its log."""
        return self.log.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:]

    def wait(self, grace: float) -> None:
        """Wait for its end, and kill it when that does not come within ``grace`` seconds."""
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Processes:
    """The running processes; leaving the ``with`` ends them, with SIGTERM first.

    In seconds: ``timeout`` is for each thing that is waited for, ``grace`` for a process to end.
    """

    def __init__(self, logs: Path, timeout: float, grace: float = 5.0) -> None:
        self.logs = logs
        self.children: list[Child] = []
        self.http = httpx.Client(timeout=5, trust_env=False)
        """For what they serve: the environment's proxies are not meant for loopback addresses."""
        self._timeout = timeout
        self._grace = grace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.http.close()
        # A second Ctrl-C must not leave processes behind; the grace period bounds how long this takes.
        with hold_signals():
            # What is no server uses the servers to the end: the adapter logs out of vCenter.
            for servers in (False, True):
                ending = [child for child in self.children if child.server is servers]
                for child in ending:
                    child.process.terminate()
                for child in ending:
                    child.wait(self._grace)

    def start(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], *, server: bool = True, fd: int = -1
    ) -> Child:
        """Start ``python -m arguments…`` with these variables in a clean environment; it inherits ``fd``, if any."""
        out, log = self.logs / f"{name}.out", self.logs / f"{name}.log"
        with out.open("wb") as stdout, log.open("wb") as stderr, hold_signals():
            variables = clean_environment(os.environ) | dict(environment)
            child = Child(name, server, self.launch(arguments, variables, (stdout, stderr), fd), out, log)
            self.children.append(child)
        return child

    def launch(
        self, arguments: Sequence[str], variables: Mapping[str, str], output: tuple[IO[bytes], IO[bytes]], fd: int
    ) -> subprocess.Popen[Any]:
        """Start Python with these variables and nothing else of the environment."""
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output[0],
            stderr=output[1],
            pass_fds=() if fd < 0 else (fd,),
            # A group of its own: Ctrl-C reaches the demo alone, which then ends its processes in order.
            process_group=0,
        )

    def find(self, name: str) -> Child:
        """Return the process that was started under this name."""
        return next(child for child in self.children if child.name == name)

    def wait_until_ready(self, child: Child, program: str = "") -> str:
        """Wait for the line ``<program> ready: URL``; return the URL. Raises DemoError.

        The program is called as the process, unless several are of one program.
        """
        return self.wait(lambda: child.find_line(f"{program or child.name} ready: "), f"{child.name} is not ready")

    def kill(self, name: str) -> None:
        """Kill a process that may do nothing more (SIGKILL), and forget it."""
        child = self.find(name)
        with hold_signals():
            self.children.remove(child)
            child.process.kill()
            child.process.wait()

    def wait(self, condition: Callable[[], T | None], otherwise: str | Callable[[], str]) -> T:
        """Poll until the condition gives something. Raises DemoError after the time limit, or when a process ends.

        ``otherwise`` is the reason to give then, or a function that finds it.
        """
        end = time.monotonic() + self._timeout
        while (value := condition()) is None:
            self.check()
            if time.monotonic() > end:
                reason = otherwise if isinstance(otherwise, str) else otherwise()
                raise DemoError(f"{reason} (after {self._timeout:g} s)")
            time.sleep(_POLL)
        return value

    def check(self) -> None:
        """Raise DemoError if a process has ended: none is meant to."""
        for child in self.children:
            status = child.process.poll()
            if status is not None:
                last = " ".join(child.tail()[-1:])
                raise DemoError(f"{child.name} ended with exit status {status}{last and ': '}{last}")

    def tails(self) -> dict[str, list[str]]:
        """Return the ends of the logs that may say why: of the processes that have ended, else of all."""
        ended = [child for child in self.children if child.process.poll() is not None]
        return {child.name: lines for child in ended or self.children if (lines := child.tail())}


@contextmanager
def hold_signals() -> Iterator[None]:
    """Hold back the signals that end the demo: a process that was started must also be known, and be ended."""
    held: list[int] = []
    before = {number: signal.signal(number, lambda n, _: held.append(n)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in held:
            signal.raise_signal(late)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process may inherit of the user's environment."""
    return {
        name: value for name, value in environment.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
