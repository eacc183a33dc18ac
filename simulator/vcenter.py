"""The simulated vCenter: what all its doors share."""

import uuid
from dataclasses import dataclass, field

from simulator.accounts import Accounts
from simulator.inventory import Inventory
from simulator.sessions import Sessions


@dataclass
class Vcenter:
    """One vCenter's state. It lives in one asyncio loop and is changed from there alone."""

    accounts: Accounts = field(default_factory=Accounts)
    inventory: Inventory = field(default_factory=Inventory)
    sessions: Sessions = field(default_factory=Sessions)
    instance_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
