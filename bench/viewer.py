"""``python -m bench.viewer``: the same backlog without the event viewer, with it, and with an open page.

In turn, each so many times; the medians, and what part of the rate without it in the same round they are. The page is
a process that reads the stream as a browser does; with ``--browser``, Chromium itself, which shows it. All of them
share this machine's cores.
"""

import argparse
import asyncio
import http.client
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from bench.processes import run_process, simulator
from bench.runs import measure_drain
from bench.sections import SPREAD, run_interleaved
from bench.senders import Adapter
from bench.table import compare

OFF = "off"
PAGE_TIMEOUT = 20.0
"""Seconds until the adapter serves the page."""


@dataclass(frozen=True)
class Watched(Adapter):
    """The adapter, and somebody who looks at its page with this command, which is given the address."""

    name: str = "on, with a page"
    page: Sequence[str] = (sys.executable, "-m", "bench.viewer", "--read")

    @asynccontextmanager
    async def start(self, vcenter: str, sink: str, *, backlog: bool) -> AsyncIterator[Process]:
        """The process is the adapter's."""
        port = free_port()
        adapter = Adapter(self.name, {"VIEWER": str(port)})
        with TemporaryDirectory() as folder:
            command = [part.replace("FOLDER", folder) for part in self.page]
            async with (
                adapter.start(vcenter, sink, backlog=backlog) as process,
                run_process(*command, f"http://127.0.0.1:{port}/", stdout=DEVNULL),
            ):
                yield process


def browser(executable: str) -> Sequence[str]:
    """Return the command of a Chromium without a window, which reloads nothing and contacts nobody else."""
    quiet = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
    return (executable, "--headless", *quiet, "--remote-debugging-port=0", "--user-data-dir=FOLDER")


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def read(url: str) -> None:
    """Read the stream, once it is served, until it ends."""
    address = url.removeprefix("http://").rstrip("/")
    until = time.monotonic() + PAGE_TIMEOUT
    while True:
        connection = http.client.HTTPConnection(address)
        try:
            connection.request("GET", "/api/stream")
            response = connection.getresponse()
            break
        except ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
    while response.read1(65536):
        pass


async def measure_rounds(events: int, repeats: int, page: Sequence[str] | None) -> list[dict[str, dict[str, Any]]]:
    """Run each once in every round."""
    watched = Watched() if page is None else Watched("on, with a page in a browser", page=page)
    senders = (Adapter(OFF), Adapter("on", {"VIEWER": "0"}), watched)
    async with simulator(f"--backlog={events}", SPREAD) as vcenter:
        kinds = {sender.name: partial(measure_drain, sender, vcenter, events) for sender in senders}
        return [await run_interleaved(kinds, 1) for _ in range(repeats)]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.viewer", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=30_000, help="the backlog (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each (default: %(default)s)")
    parser.add_argument("--browser", help="show the page in this Chromium")
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read)
        return
    page = browser(options.browser) if options.browser else None
    print(compare(asyncio.run(measure_rounds(options.events, options.repeats, page)), OFF))


if __name__ == "__main__":
    main()
