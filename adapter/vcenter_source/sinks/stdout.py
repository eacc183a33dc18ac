"""``--sink -``: each CloudEvent as a line of JSON, a first look at any vCenter."""

import asyncio
import queue
import sys
import threading

from vcenter_source.core import durable_files
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import OutputClosedError, SinkUnavailableError
from vcenter_source.events.codec import OrjsonFormat


class StdoutSink:
    """Prints CloudEvents in structured JSON, each line whole and at once.

    A thread of its own writes, without Python's buffer: a reader that pauses (``| less``) blocks that thread, but not
    the event loop and not the end of the process.
    """

    address = "standard output"

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._format = OrjsonFormat()
        self._lines: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._write, name="stdout", daemon=True).start()

    async def send(self, envelope: Envelope) -> Receipt:
        """Print one event. Raises OutputClosedError if nobody reads any more."""
        written = asyncio.get_running_loop().create_future()
        self._lines.put((self._format.write(envelope.event) + b"\n", written))
        try:
            await written
        except BrokenPipeError as exc:
            raise OutputClosedError("standard output is closed") from exc
        except OSError as exc:
            raise SinkUnavailableError(f"standard output: {exc.strerror}") from exc
        return Receipt()

    def _write(self) -> None:
        while True:
            line, written = self._lines.get()
            failure: OSError | None = None
            try:
                durable_files.write_all(self._descriptor, line)
            except OSError as exc:
                failure = exc
            loop = written.get_loop()
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(set_outcome, written, failure)


def set_outcome(written: "asyncio.Future[None]", failure: OSError | None) -> None:
    """Set the outcome that ``send`` waits for, unless it was cancelled meanwhile."""
    if written.done():
        return
    if failure is None:
        written.set_result(None)
    else:
        written.set_exception(failure)
