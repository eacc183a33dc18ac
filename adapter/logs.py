"""Structured logs on standard error: for people, or JSON for machines."""

import logging
import sys

import structlog

from adapter.sinksettings import SinkSettings


def set_up(settings: SinkSettings) -> None:
    """Set structlog up as LOG_FORMAT and LOG_LEVEL say."""
    for_people = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else for_people
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
