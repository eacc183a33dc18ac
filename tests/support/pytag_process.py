"""pytag as the process that a container runs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.support import loopback
from tests.support.fork_server import Forked
from tests.support.pytag import binary
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD


def pytag_environment(base: str, **more: str) -> dict[str, str]:
    """A container's environment: nothing but what is set for it, and what coverage measures by."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV") or name == "PATH"}
    return {
        **kept,
        "VCENTER_URL": base,
        "VCENTER_USERNAME": ADMINISTRATOR,
        "VCENTER_PASSWORD": PASSWORD,
        "VCENTER_ALIASES": "vcenter.test",
        "TAG": "owner/pytag",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "LOG_FORMAT": "json",
        **more,
    }


@contextmanager
def pytag_process(variables: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """pytag in its own process, and its base URL."""
    with Forked(variables, "pytag") as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            assert line.startswith("pytag ready: http://127.0.0.1:"), line
            yield running, line.removeprefix("pytag ready: ").strip()
        finally:
            running.kill()


def stop_pytag(
    running: subprocess.Popen[str], by: signal.Signals = signal.SIGTERM
) -> tuple[int, str, list[dict[str, Any]]]:
    """End it; its exit code, what else it printed, and its log."""
    running.send_signal(by)
    out, err = running.communicate(timeout=20)
    return running.returncode, out, [json.loads(line) for line in err.splitlines()]


def post_event(url: str, **headers: str) -> httpx.Response:
    return loopback.post(url, headers=binary(**headers), trust_env=False, timeout=20)


def run_pytag(variables: dict[str, str]) -> tuple[int, str, str]:
    with Forked(variables, "pytag") as running:
        said = running.communicate(timeout=20)
        return running.wait(), *said
