"""``--sink -``: each CloudEvent as a line of JSON, a first look at any vCenter."""

import sys
from typing import TextIO

from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from adapter.cloudevent import OrjsonFormat
from adapter.errors import OutputClosedError, SinkUnavailableError


class StdoutSink:
    """Prints CloudEvents in structured JSON, each line flushed so that a pipe sees it at once."""

    address = "standard output"

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._format = OrjsonFormat()

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:  # noqa: ARG002  as every sink
        """Print one."""
        try:
            print(self._format.write(event).decode(), file=self._out, flush=True)
        except BrokenPipeError as exc:
            raise OutputClosedError("standard output is closed") from exc
        except OSError as exc:
            raise SinkUnavailableError(f"standard output: {exc.strerror}") from exc
