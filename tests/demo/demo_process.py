"""The demo as a user runs it, and what its output says."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from demo.__main__ import parse, run_demo
from demo.processes import ROOT, Child, Processes
from tests.support.fork_server import Forked


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours, with the logs below ``folder`` and a mark by which our processes can be told from any other's."""
    return {**os.environ, "TMPDIR": str(folder), "LC_DEMO_TEST": str(folder), **more}


def demo(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", *arguments]
    return subprocess.run(
        command, env=environment(folder, **more), capture_output=True, text=True, timeout=50, check=False, cwd=ROOT
    )


@dataclass(frozen=True)
class Demo:
    """A demo that has ended. ``children`` are the exit statuses of its processes by their names."""

    returncode: int
    stdout: str
    children: dict[str, int | None]


class ForkedProcesses(Processes):
    """The demo's processes, as forks of one that has imported what they need."""

    def __init__(self, logs: Path, timeout: float) -> None:
        super().__init__(logs, timeout)
        self.all: list[Child] = []

    def start(self, *arguments: Any, **how: Any) -> Child:
        child = super().start(*arguments, **how)
        self.all.append(child)
        return child

    def launch(
        self, arguments: Sequence[str], variables: Mapping[str, str], output: tuple[IO[bytes], IO[bytes]], fd: int
    ) -> subprocess.Popen[Any]:
        if fd >= 0:  # a fork of another process inherits nothing of this one
            return super().launch(arguments, variables, output, fd)
        return Forked(variables, *arguments, into=output)


def run_forked(folder: Path, *arguments: str) -> Demo:
    """The demo in this process, and its processes as forks: in a third of the time that a user's takes."""
    printed, made = io.StringIO(), []

    def create(logs: Path, timeout: float) -> Processes:
        made.append(ForkedProcesses(logs, timeout))
        return made[0]

    status = run_demo(parse(list(arguments)), Console(file=printed, width=80, highlight=False), folder, create)
    return Demo(status, printed.getvalue(), {child.name: child.process.poll() for child in made[0].all})


def left_behind(folder: Path) -> list[int]:
    """The processes that carry our mark in their environment (Linux)."""
    mark = f"LC_DEMO_TEST={folder}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # ended meanwhile, or not ours
            continue
    return found


def steps(output: str) -> list[str]:
    return re.findall(r"^\d  .*$", output, re.MULTILINE)


def trace_of(output: str) -> str:
    (found,) = re.findall(r"^ +traceparent +00-([0-9a-f]{32})-", output, re.MULTILINE)
    return str(found)
