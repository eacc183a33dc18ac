"""The processes that ``function run`` starts, each one ``python -m``, with what they print line by line."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from vcenter_source.core.errors import PermanentError

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
"""How long a process may take to end after SIGTERM, before it is killed."""


class Child:
    """A process. ``on_line`` gets each line that it prints, except the one that says that it is ready."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self.name = name
        self._process = process
        self._on_line = on_line
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.gather(*map(self._read, filter(None, (process.stdout, process.stderr))))

    async def wait_until_ready(self) -> str | None:
        """Wait for the line ``<name> ready: URL``; return the URL, or None if the process ends without it.

        Raises PermanentError if it takes longer than READY_SECONDS.
        """
        ended = asyncio.ensure_future(self.wait())
        either: set[asyncio.Future[Any]] = {self._ready, ended}
        done, _ = await asyncio.wait(either, timeout=READY_SECONDS, return_when="FIRST_COMPLETED")
        ended.cancel()
        if not done:
            raise PermanentError(f"the {self.name} is not ready after {READY_SECONDS:g} s")
        return self._ready.result() if self._ready.done() else None

    async def wait(self) -> int:
        """Wait for the end; return the exit code."""
        code = await self._process.wait()
        await self._reading
        return code

    async def stop(self) -> None:
        """End the process if it runs: with SIGTERM, and with SIGKILL if that does not help."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self.wait(), STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := (await stream.readline()).decode(errors="replace"):
            before, is_ready, url = line.rstrip("\n").partition(" ready: ")
            if is_ready and " " not in before and not self._ready.done():
                self._ready.set_result(url.strip())
            else:
                self._on_line(line.rstrip("\n"))


@asynccontextmanager
async def start_child(
    name: str, arguments: list[str], variables: Mapping[str, str], on_line: Callable[[str], None]
) -> AsyncIterator[Child]:
    """Run ``python -m`` with these arguments, and these variables added to the environment, until the block is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,  # Ctrl-C reaches this process alone, which ends the others in order
    )
    child = Child(name, process, on_line)
    try:
        yield child
    finally:
        await asyncio.shield(child.stop())
