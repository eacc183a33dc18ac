"""The same handler.py under kn func: the contract of its Python middleware for HTTP (func-python 0.8)."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.types import Receive, Scope, Send

from tests.support import loopback
from tests.support.kit import post
from tests.support.pytag import RestVcenter, serve_app
from vcenter_functions.kn_func import create_asgi
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD

GREET = """
from vcenter_functions import Event, on

@on("VmPoweredOnEvent")
async def greet(event: Event) -> None: ...
"""


class Middleware:
    """What kn func's Python middleware does with the instance that ``new()`` returns."""

    def __init__(self, function: Any) -> None:
        self.function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.function.start({})
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.function.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"].startswith("/health/"):
            alive, text = self.function.alive() if scope["path"].endswith("liveness") else self.function.ready()
            await send({"type": "http.response.start", "status": 200 if alive else 500, "headers": []})
            await send({"type": "http.response.body", "body": text.encode()})
        else:
            await self.function.handle(scope, receive, send)


@pytest.fixture
def own_log() -> Iterator[None]:
    """The log of the other tests as it was, after one that sets it up."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_same_file_runs_under_kn_func(
    tmp_path: Path, vcenter: RestVcenter, monkeypatch: pytest.MonkeyPatch, own_log: None
) -> None:

    for name, value in {"URL": vcenter.base, "USERNAME": ADMINISTRATOR, "PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(f"VCENTER_{name}", value)
    monkeypatch.setenv("VCENTER_ALIASES", "vcenter.test")
    file = tmp_path / "handler.py"
    file.write_text(GREET)
    function = create_asgi(file)
    with serve_app(Middleware(function)) as url, loopback.Client(base_url=url, trust_env=False) as client:
        assert client.get("/health/liveness").text == "ok"
        deadline = time.monotonic() + 10
        while client.get("/health/readiness").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert post(client).status_code == 204
        assert post(client, source="https://other.test/sdk").status_code == 422
        assert len(vcenter.vcenter.sessions) == 1
    assert len(vcenter.vcenter.sessions) == 0
