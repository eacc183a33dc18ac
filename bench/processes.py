"""Processes to measure: started, listened to, and what the kernel says of them."""

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
async def running(
    *command: str | Path, environment: Mapping[str, str] = {}, stdout: int = PIPE, folder: Path | None = None
) -> AsyncIterator[Process]:
    """A process, ended with SIGTERM. Nothing of this environment but the path reaches it, and nothing of its log us."""
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
    """A Python module as such a process."""
    async with running(sys.executable, "-m", *command, environment=environment) as process:
        yield process


@asynccontextmanager
async def simulator(*options: str) -> AsyncIterator[str]:
    """A simulated vCenter; the address of its SOAP door."""
    async with module("vcenter_simulator", *options) as process:
        yield await line_of(process, READY)


async def line_of(process: Process, prefix: str) -> str:
    """What follows the prefix on the first line of its output that begins so."""
    assert process.stdout is not None  # noqa: S101  it was asked for
    async for line in process.stdout:
        text = line.decode().strip()
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    raise SystemExit(f"a process has ended before it said {prefix!r}")


def peak(process: Process) -> float:
    """The most memory that it ever held, in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def cpu_seconds(process: Process) -> float:
    """The CPU time of all its threads so far; the kernel counts it in hundredths."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[USER_AND_SYSTEM])) / TICKS
