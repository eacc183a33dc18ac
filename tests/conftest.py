"""What the tests of several files begin with."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.guarantees import support as guarantees_support
from tests.support.kube_api import KubeApi, kube_api, kubeconfig
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core import gc_tuning

settings.register_profile("no deadline", deadline=None)  # a machine that is busy for a while is no failure
settings.load_profile("no deadline")
gc.disable()  # until all tests are collected, since they stay: it would look at them again and again

for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):  # of the machine that the tests run on
    os.environ.pop(name, None)
    os.environ.pop(name.lower(), None)
# Instead of the system's authorities, of whom no test trusts any: each TLS context takes 15 ms to read those.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "authority.pem")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on garbage is collected, as seldom as in the adapter, and what is there by now is none."""
    gc_tuning.freeze_and_relax()
    gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave alone the two folders whose every test has a mark that is not wanted: each worker would import them."""
    name = collection_path.name
    return (name in {"conformance", "ui"} and f"not {name}" in config.option.markexpr) or None


@pytest.fixture(autouse=True)
def import_path() -> Iterator[None]:
    """As it was: each handler.py that is loaded adds its folder, and an import that fails looks into all of them."""
    before = sys.path.copy()
    yield
    sys.path[:] = before


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[guarantees_support.World]:
    """The world of the guarantees' tests; its parameter is how many events its vCenter begins with."""
    with guarantees_support.world(tmp_path, backlog=getattr(request, "param", 0)) as made:
        if "protocol" in request.fixturenames:
            made.protocol = request.getfixturevalue("protocol")
        yield made


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulated vCenter, the same one for all tests of a module; where they need another, an area has its own."""
    with run_simulator() as simulator:
        yield simulator


@pytest.fixture
def cluster_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    """An API server, which KUBECONFIG names."""
    with kube_api() as api:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, api)))
        yield api
