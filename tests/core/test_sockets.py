"""All that listens does so for both families of addresses, on one port, and takes an IPv6 address with its brackets."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing, suppress

import pytest
from aiohttp import web

from tests.support.display import display
from tests.support.pytag import settings as pytag_settings
from tests.support.pytag_process import pytag_environment, pytag_process
from vcenter_functions.net.sockets import listen
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.http_server import BindAddress, serve_app
from vcenter_source.core.request_server import serve_requests
from vcenter_source.settings.openfaas import ShimServerSettings
from vcenter_source.settings.source import load

BOTH = {"127.0.0.1", "::1"}


def listening_at(port: int) -> set[str]:
    """The loopback addresses at which somebody listens on this port."""
    found = set()
    for address in BOTH:
        with suppress(OSError), socket.create_connection((address, port), 5):
            found.add(address)
    return found


def answering(port: int) -> set[str]:
    """The loopback addresses at which HTTP is answered on this port."""
    found = set()
    for address in BOTH:
        with suppress(OSError), socket.create_connection((address, port), 5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while connection.recv(4096):
                found.add(address)
    return found


def admin(place: BindAddress) -> AbstractAsyncContextManager[int]:
    return serve_app(web.Application(), place, 1)


def shim(place: BindAddress) -> AbstractAsyncContextManager[int]:
    async def respond(_: web.BaseRequest, __: bytes) -> web.Response:
        return web.Response(status=204)

    return serve_requests(respond, place, 1024, 1)


HOSTS = {"::": BOTH, "0.0.0.0": {"127.0.0.1"}, "127.0.0.1": {"127.0.0.1"}, "::1": {"::1"}, "localhost": BOTH}


@pytest.mark.parametrize("served", [admin, shim])
@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_every_address_that_it_stands_for(
    host: str, served: Callable[[BindAddress], AbstractAsyncContextManager[int]]
) -> None:
    async def look() -> set[str]:
        async with served(BindAddress(host, 0, "HOST")) as port:
            return await asyncio.to_thread(answering, port)

    assert asyncio.run(look()) == HOSTS[host]


def test_the_display_of_dead_letters_listens_on_both() -> None:
    with display() as (url, _):
        assert answering(int(url.rpartition(":")[2])) == BOTH


def test_pytag_answers_on_both_by_default() -> None:
    with pytag_process(pytag_environment("http://127.0.0.1:1", HOST="")) as (_, url):
        assert answering(int(url.rpartition(":")[2])) == BOTH


def test_without_ipv6_everything_is_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    (listener,) = listen("::", 0)
    with closing(listener):
        assert listening_at(listener.getsockname()[1]) == {"127.0.0.1"}


def test_answers_are_not_delayed() -> None:
    (listener,) = listen("::", 0)
    with closing(listener), socket.create_connection(listener.getsockname()[:2]):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("host", ["::", "::1", "localhost"])
def test_a_port_in_use_names_the_setting_whatever_the_family(host: str) -> None:
    async def take(port: int) -> None:
        async with admin(BindAddress(host, port, "HEALTH_PORT")):
            pytest.fail("it was taken")

    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as refused:
            asyncio.run(take(port))
    where = f"{host if host == 'localhost' else f'[{host}]'}:{port}"
    assert str(refused.value) == f"HEALTH_PORT: cannot listen on {where}: address already in use; set another, or 0"


VCENTER = {"VCENTER_URL": "https://vc", "VCENTER_USERNAME": "u", "VCENTER_PASSWORD": "p", "K_SINK": "-"}


@pytest.mark.parametrize(("given", "host"), [(None, "::"), ("[::]", "::"), ("[::1]", "::1"), ("10.0.0.1", "10.0.0.1")])
def test_a_host_may_have_its_brackets(given: str | None, host: str) -> None:
    named = {name: given for name in ("HOST", "HEALTH_HOST") if given}
    assert load(**VCENTER, **named).health.host == host
    assert ShimServerSettings.model_validate(named).host == host
    assert pytag_settings("https://vc", **named).host == host
