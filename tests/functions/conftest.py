"""vCenters that these tests talk to over REST."""

from collections.abc import Iterator

import pytest

from tests.support.pytag import RestVcenter, rest_vcenter


@pytest.fixture(scope="module")
def module_vcenter() -> Iterator[RestVcenter]:
    """A vCenter that the tests of a module share."""
    with rest_vcenter() as vcenter:
        yield vcenter


@pytest.fixture
def vcenter(module_vcenter: RestVcenter) -> RestVcenter:
    """The same, as new for each test."""
    module_vcenter.renew()
    return module_vcenter
