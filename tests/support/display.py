"""The display of dead letters as a process."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.fork_server import Forked


@contextmanager
def display() -> Iterator[tuple[str, Forked]]:
    with Forked(os.environ | {"PORT": "0"}, "display") as process:
        assert process.stderr is not None
        ready, _, url = process.stderr.readline().strip().partition(": ")
        try:
            assert ready == "display ready"
            yield url, process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 128 + signal.SIGTERM
