"""An HTTP sink for tests, with settings by keyword instead of from the environment."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vcenter_source.settings.sink import SinkSettings
from vcenter_source.sinks.batching import BatchingSink
from vcenter_source.sinks.http import HttpSink, open_http_sink
from vcenter_source.sinks.trust_bundle import TRUST_BUNDLES


@asynccontextmanager
async def http_sink(
    url: str,
    *,
    bundles: Path = TRUST_BUNDLES,
    token_file: Path | None = None,
    **settings: Any,
) -> AsyncIterator[HttpSink | BatchingSink]:
    """Open a sink at ``url``, by default with a short time-out, no limit of size, and one event a request."""

    class WithToken(SinkSettings):
        @property
        def token_file(self) -> Path | None:
            return token_file

    defaults: dict[str, Any] = {"address": url, "timeout": 5.0, "max_event_bytes": sys.maxsize}
    async with open_http_sink(WithToken.model_construct(**defaults | settings), bundles) as sink:
        yield sink
