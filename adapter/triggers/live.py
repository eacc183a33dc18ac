"""What one vCenter says of its own events."""

from collections.abc import Mapping

from adapter.sinksettings import read
from adapter.vcenter.session import Session
from adapter.vcentersettings import VcenterSettings


def categories() -> Mapping[str, str]:
    """vCenter's category of each of its event classes and event type ids. VCENTER_URL and the like say which vCenter.

    Raises the failures of ``adapter.errors``.
    """
    settings = read(VcenterSettings, {})
    session = Session(settings.vcenter_url, settings.credentials, settings.authorities())
    try:
        session.log_in()
        return session.categories()
    finally:
        session.log_out()
