"""What one vCenter says of its own events."""

from collections.abc import Mapping

from vcenter_source.settings.environment import read_area
from vcenter_source.settings.vcenter import VcenterSettings
from vcenter_source.vcenter.session import Session


def categories() -> Mapping[str, str]:
    """vCenter's category of each of its event classes and event type ids. VCENTER_URL and the like say which vCenter.

    Raises the failures of ``vcenter_source.core.errors``.
    """
    settings = read_area(VcenterSettings)
    session = Session(settings.url, settings.credentials, settings.authorities())
    try:
        session.log_in()
        return session.categories()
    finally:
        session.log_out()
