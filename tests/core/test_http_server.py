"""The HTTP server beside the adapter's work."""

import asyncio
import gc
import socket

import pytest
from aiohttp import web

from vcenter_source.core.http_server import BindAddress, serve_app


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_comes_at_the_end_is_closed(turns: int) -> None:
    """However far the event loop has come with it: a transport left open would be warned of, which fails the test."""

    async def serve() -> socket.socket:
        async with serve_app(web.Application(), BindAddress("127.0.0.1", 0, "PORT"), 1.0) as port:
            client = socket.create_connection(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)
        return client

    with asyncio.run(serve()):
        gc.collect()
