"""``python -m module`` by a fork of a process that has imported what it needs: a process of its own, six times faster.

What is about the start itself, as what is imported when, starts Python anew instead: ``subprocess`` does that.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import IO

FORKED = frozenset(
    {
        "vcenter_source",
        "vcenter_functions",
        "pytag",
        "display",
        "vcenter_simulator",
        "demo.broker",
        "demo.kube_api",
        "tests.guarantees.sink",
    }
)
"""Modules that a fork runs; any other is run anew, since what it needs must not have been imported before it."""

MEASURED = "COVERAGE_PROCESS_CONFIG"
"""Where coverage says to the processes that are started what to measure."""

forks = multiprocessing.get_context("forkserver")
# __main__ too: where that is pytest's script, each fork would import pytest otherwise. Nothing of OpenTelemetry's SDK,
# which reads the environment when it is imported.
forks.set_forkserver_preload(
    [
        "__main__",
        *(
            "vcenter_source.commands.run",
            "vcenter_source.cli",
            "vcenter_source.commands.doctor.runner",
            "vcenter_source.sinks.openfaas.shim.app",
            "vcenter_source.commands.dead_letters.receive",
            "vcenter_source.commands.dead_letters.replay",
            "vcenter_source.commands.dead_letters.show",
            "vcenter_source.commands.event_lines",
            "vcenter_source.commands.events",
            "vcenter_source.commands.send",
            "vcenter_source.state.kube",
            "vcenter_source.vcenter.newest",
        ),
        *(
            "vcenter_source.commands.triggers.lint",
            "vcenter_source.commands.triggers.types",
            "vcenter_source.commands.triggers.catalog",
            "vcenter_source.commands.triggers.trigger",
        ),
        *(
            "pytag.handler",
            "vcenter_functions.kit",
            "vcenter_functions.startup",
            "vcenter_simulator.server",
            "rich.console",
            "rich.table",
            "rich.text",
        ),
        # What those above import when they first need it.
        *(
            "anyio._backends._asyncio",
            "certifi",
            "encodings.idna",
            "google.protobuf.descriptor_pool",
            "httpcore",
            "kubernetes",
            "typer._adapters",
            "typer._click.decorators",
            "uvicorn.lifespan.on",
            "uvicorn.loops.asyncio",
        ),
        "tests.support.fork_warmup",
    ]
)


def become(streams: Sequence[Connection | None], environment: Mapping[str, str], module: str, *arguments: str) -> None:
    """Be ``python -m module arguments`` from now on, in a process that has just been made.

    ``streams`` are its standard input, output and error; without the first, the input is that of the tests.
    """
    for number, stream in enumerate(streams):
        if stream:
            os.dup2(stream.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    if module not in FORKED or MEASURED in environment:  # coverage begins to measure as Python starts
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    for stream in streams:
        if stream:
            stream.close()
    # Anew, since those that are there may have been made for a terminal.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where a shell runs us in the background
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Forked(subprocess.Popen[str]):
    """``python -m module arguments`` with this environment and nothing else; used as a Popen with two pipes of text.

    With ``together``, what it writes to standard error is in ``stdout`` as well. With ``into``, it writes to these two
    files, and there are no pipes. With ``pipe_in``, ``stdin`` is a pipe, too; else there is no input.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        module: str,
        *arguments: str,
        together: bool = False,
        into: tuple[IO[bytes], IO[bytes]] | None = None,
        pipe_in: bool = False,
    ) -> None:
        self.args = [module, *arguments]
        self.stdin, entry = _pipe_in() if pipe_in else (None, None)
        if into is None:
            self.stdout, output = _pipe()
            self.stderr, errors = (None, output) if together else _pipe()
        else:
            self.stdout, self.stderr = None, None
            output, errors = (Connection(os.dup(file.fileno()), readable=False) for file in into)
        streams = (entry, output, errors)
        given = (streams, dict(environment), module, *arguments)
        self._process = forks.Process(target=become, args=given, daemon=True)
        with without_coverage():
            self._process.start()
        for each in filter(None, streams):
            each.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:  # noqa: A002  Popen's
        """What it still has to say; unlike Popen's, this is lost if it does not end within the timeout."""
        if self.stdin:
            with self.stdin:
                self.stdin.write(input or "")
        readers = ThreadPoolExecutor(2)
        said = [readers.submit(stream.read) for stream in (self.stdout, self.stderr) if stream]
        readers.shutdown(wait=False)
        self.wait(timeout)
        output, errors = (each.result() for each in said)
        return output, errors

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # as Popen does: it may end after the look
                os.kill(self.pid, sig)

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()
        self.wait()


@contextmanager
def without_coverage() -> Iterator[None]:
    """The process that forks starts with the first fork, and is not measured: it would save its coverage too late."""
    kept = os.environ.pop(MEASURED, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[MEASURED] = kept


def _pipe() -> tuple[IO[str], Connection]:
    ours, theirs = forks.Pipe(duplex=False)
    with ours:
        return os.fdopen(os.dup(ours.fileno()), encoding="utf-8"), theirs


def _pipe_in() -> tuple[IO[str], Connection]:
    theirs, ours = forks.Pipe(duplex=False)
    with ours:
        return os.fdopen(os.dup(ours.fileno()), "w", encoding="utf-8"), theirs
