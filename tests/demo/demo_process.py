"""The demo as a user runs it, and what its output says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from demo.processes import ROOT


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours, with the logs below ``folder`` and a mark by which our processes can be told from any other's."""
    return {**os.environ, "TMPDIR": str(folder), "LC_DEMO_TEST": str(folder), **more}


def demo(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", *arguments]
    return subprocess.run(
        command, env=environment(folder, **more), capture_output=True, text=True, timeout=50, check=False, cwd=ROOT
    )


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
