"""HTTP servers that answer byte by byte as a test says."""

import asyncio
from collections.abc import Awaitable, Callable

from yarl import URL

from vcenter_source.core.event_loop import run_loop
from vcenter_source.sinks.client import HttpClient
from vcenter_source.sinks.connection import HttpResponse

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def with_server(
    talk: Talk,
    work: Callable[[HttpClient], Awaitable[None]],
    seconds: float = 5.0,
) -> None:
    """Do the work on a server of which each connection goes as ``talk`` says."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(connection, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = HttpClient(URL(f"http://127.0.0.1:{port}/path?q=1"), None, seconds)
        try:
            await work(client)
        finally:
            await client.close()
            await asyncio.sleep(0)


def answering(*answers: bytes) -> Talk:
    """Each request gets the next of these."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await request_of(reader)
            writer.write(answer)

    return talk


def exchanged(answer: bytes) -> HttpResponse:
    """What becomes of one request with this answer, after which the server hangs up."""
    got: list[HttpResponse] = []

    async def work(client: HttpClient) -> None:
        got.append(await client.post({}, b"x"))

    run_loop(with_server(answering(answer), work))
    return got[0]
