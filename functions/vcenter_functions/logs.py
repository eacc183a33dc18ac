"""The log on standard error: one line an entry, for people or for machines, of every library too."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from vcenter_functions.server_settings import ServerSettings

CHATTY_LIBRARIES = ("httpx", "httpcore", "uvicorn.error", "urllib3")
"""They log what our own entries say already."""


def configure(settings: ServerSettings) -> None:
    """Send structlog's and the standard library's entries through one formatter."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=_formatting_processors(settings.log_format)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


@contextmanager
def plain_tracebacks() -> Iterator[None]:
    """Keep the values of variables out of tracebacks meanwhile, where nobody has configured structlog."""
    if structlog.is_configured():
        yield
        return
    usual = structlog.get_config()["processors"]
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*usual[:-1], console])
    try:
        yield
    finally:
        structlog.reset_defaults()


def _formatting_processors(log_format: str) -> list[Any]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [clean, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Where rich is installed, structlog's own tracebacks print every local variable, a session's token among them.
    plain, has_colours = structlog.dev.plain_traceback, sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return [clean, structlog.dev.ConsoleRenderer(colors=has_colours, exception_formatter=plain)]
