"""Processes to measure: run them, read their output, and ask the kernel about them."""

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

READY = "simulator ready: "
TICKS = os.sysconf("SC_CLK_TCK")
USER_AND_SYSTEM = slice(11, 13)
"""Where both times stand in /proc/<pid>/stat after the command's name (proc(5))."""


@asynccontextmanager
async def run_process(
    *command: str | Path, environment: Mapping[str, str] = {}, stdout: int = PIPE, folder: Path | None = None
) -> AsyncIterator[Process]:
    """Run a process, and end it with SIGTERM. It inherits only PATH, and its log is dropped."""
    environment = {"PATH": os.environ["PATH"], **environment}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=stdout, stderr=None if stdout == PIPE else subprocess.DEVNULL, cwd=folder
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def module(*command: str, environment: Mapping[str, str] = {}) -> AsyncIterator[Process]:
    """Run a Python module as such a process."""
    async with run_process(sys.executable, "-m", *command, environment=environment) as process:
        yield process


@asynccontextmanager
async def simulator(*options: str) -> AsyncIterator[str]:
    """Run a simulated vCenter; yields the address of its SOAP API."""
    async with module("vcenter_simulator", "--port=0", *options) as process:
        yield await line_of(process, READY)


async def line_of(process: Process, prefix: str) -> str:
    """Wait for a line of its output with this prefix, and return what follows."""
    assert process.stdout is not None  # noqa: S101  it was asked for
    async for line in process.stdout:
        text = line.decode().strip()
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    raise SystemExit(f"a process has ended before it said {prefix!r}")


def peak(process: Process) -> float:
    """Return the most memory that a process ever held, in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def cpu_seconds(process: Process) -> float:
    """Return the CPU time of all threads of a process; the kernel counts it in hundredths."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[USER_AND_SYSTEM])) / TICKS
