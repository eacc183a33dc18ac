"""The settings of the log, which every program has."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from vcenter_source.settings.environment import EnvironmentSettings, either, lower_case


class LogSettings(EnvironmentSettings):
    """How the log on standard error looks."""

    format: Annotated[Literal["console", "json"], BeforeValidator(lower_case), either("LOG_FORMAT")] = "console"
    """The format of the log on standard error: `console` for people, or `json`, one JSON object per line."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower_case), either("LOG_LEVEL")] = (
        "info"
    )
    """The least severity that is logged: `debug`, `info`, `warning` or `error`."""
