"""This project's commands as processes, and the environment they start with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.fork_server import Forked

SLOW = "import time\nprint('loading', flush=True)\nfor _ in range(6000): time.sleep(0.01)\n"
"""A module that takes a minute to load. In bits, since a signal just before one long sleep waits for its end."""


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of this process without any setting of ours or of OpenTelemetry, plus ``settings``."""
    ours: tuple[str, ...] = (
        "VCENTER_",
        "VCENTERS_",
        "GOVC_",
        "K_",
        "OTEL_",
        "TAG",
        "EVENT_",
        "START_",
        "CHECKPOINT",
        "LOG_",
    )
    ours += ("PORT", "HOST", "HEALTH_", "SINK_", "RETRY_", "MAX_", "DEAD_LETTER_", "DRAIN_", "LEASE", "KUBE", "POISON_")
    ours += ("VIEWER", "TRACE_")
    # Tests run side by side, and one port serves one process.
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"HEALTH_PORT": "off"} | settings


@contextmanager
def process(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """``python -m arguments`` with these settings; ended when the block is left, if it has not ended by then."""
    with Forked(clean_environment(**settings), *arguments) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def process_anew(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The same by the command itself, as a shell starts it: where the start is what is tested."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=clean_environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """``vcenter-source arguments`` with these settings, once it has ended."""
    with process("vcenter_source", *arguments, **settings) as running:
        output, errors = running.communicate(timeout=50)
    return subprocess.CompletedProcess(arguments, running.returncode, output, errors)


def wait_for_line(running: subprocess.Popen[str], words: str) -> str:
    """Read the log on standard error until a line has these words."""
    assert running.stderr is not None
    seen = []
    for line in running.stderr:
        seen.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never logged:\n{''.join(seen)}")
