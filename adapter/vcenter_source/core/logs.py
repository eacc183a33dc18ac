"""Structured logs on standard error: for people, or one JSON object per line for machines.

The logs of libraries (a failed export of OpenTelemetry, an error that asyncio could report to nobody) and Python's
warnings have the same form. In JSON the text is under ``message``, since ``event`` has another meaning here.
"""

import logging
import os
import sys
from contextlib import suppress
from types import TracebackType
from typing import Protocol, TextIO

import structlog
from structlog.typing import Processor

DESCRIBED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,  # the vCenter, where there are several
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
JSON: tuple[Processor, ...] = (structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer())


class LogOptions(Protocol):
    """What ``settings.log`` has."""

    @property
    def format(self) -> str: ...  # noqa: D102  LOG_FORMAT
    @property
    def level(self) -> str: ...  # noqa: D102  LOG_LEVEL


def configure(settings: LogOptions, *, level: str | None = None) -> None:
    """Configure structlog and the standard library's logging. ``level`` takes the place of LOG_LEVEL."""
    least = getattr(logging, (level or settings.level).upper())
    rendered = JSON if settings.format == "json" else for_people()
    structlog.configure(
        processors=[*DESCRIBED, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: Lines(sys.stderr),
    )
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=DESCRIBED, processors=[strip, *rendered])
    )
    # Below a warning, the logs of libraries are of use to their developers only.
    logging.basicConfig(handlers=[foreign], level=max(least, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)
    if rendered is JSON:
        sys.excepthook = log_crash


class Lines(structlog.PrintLogger):
    """Writes lines. A line that cannot be written is dropped, as in the standard library: the disk may be full."""

    def msg(self, message: str) -> None:
        """Write a line."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = error = critical = fatal = exception = failure = msg


def for_people() -> tuple[Processor, ...]:
    """Render lines for people, in colours where they are wanted, with tracebacks as Python prints them."""
    plain = structlog.dev.plain_traceback
    return (structlog.dev.ConsoleRenderer(colors=has_colours(sys.stderr), exception_formatter=plain),)


def has_colours(out: TextIO) -> bool:
    """Whether this is a terminal for which NO_COLOR is not set."""
    return out.isatty() and not os.environ.get("NO_COLOR")


def log_crash(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    """Log the unforeseen failure that ends the process, with its traceback in the line."""
    structlog.get_logger().critical("crashed", exc_info=(kind, exc, trace))


def report_fatal(message: str) -> None:
    """Print the last line of a process that fails; the settings may not have been read yet."""
    if os.environ.get("LOG_FORMAT") == "json":
        structlog.wrap_logger(Lines(sys.stderr), processors=[*DESCRIBED, *JSON]).critical(message)
    else:
        Lines(sys.stderr).msg(f"vcenter-source: {message}")
