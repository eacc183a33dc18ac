"""A gateway, the shim before it, and a function."""

from collections.abc import Iterator

import pytest

from tests.support.openfaas_gateway import FakeGateway, Function, fake_gateway
from tests.support.openfaas_shim import Shim, deploy, shim_at


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def shim(gateway: FakeGateway) -> Iterator[Shim]:
    with shim_at(gateway, MAX_BODY_BYTES="20000") as shim:
        yield shim


@pytest.fixture
def tag(gateway: FakeGateway, shim: Shim) -> Iterator[Function]:
    """A function whose answer is waited for."""
    with deploy(shim, gateway, "tag", topic_invocation="sync") as function:
        yield function
