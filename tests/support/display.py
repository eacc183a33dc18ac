"""The display of dead letters as a process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def display() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-m", "display"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PORT": "0"}, **pipes) as process:  # type: ignore[call-overload]  # its own keywords
        assert process.stderr is not None
        ready, _, url = process.stderr.readline().strip().partition(": ")
        try:
            assert ready == "display ready"
            yield url, process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 128 + signal.SIGTERM
