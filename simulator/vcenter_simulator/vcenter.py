"""The simulated vCenter: what all its APIs share."""

import uuid
from collections import Counter
from dataclasses import dataclass, field

from vcenter_simulator.accounts import Accounts
from vcenter_simulator.alarms import Alarms
from vcenter_simulator.changes import Changes
from vcenter_simulator.custom_fields import CustomFields
from vcenter_simulator.events import Events
from vcenter_simulator.faults import Faults
from vcenter_simulator.inventory import Inventory
from vcenter_simulator.load import Load
from vcenter_simulator.sessions import Sessions
from vcenter_simulator.snapshots import Snapshots
from vcenter_simulator.tagging import Tagging
from vcenter_simulator.tasks import Tasks
from vcenter_simulator.vmomi import RELEASES


@dataclass
class Vcenter:
    """One vCenter's state. It lives in one asyncio loop and is changed from there alone.

    ``requests`` counts the calls of vim25 by method name since the start, ``wires`` by the wire that they came by.
    Where ``is_host``, it says that it is ESXi.
    ``releases`` are those of VI/JSON that it offers; without any it speaks SOAP alone, as before 8.0 U1.
    """

    accounts: Accounts = field(default_factory=Accounts)
    inventory: Inventory = field(default_factory=Inventory)
    sessions: Sessions = field(default_factory=Sessions)
    tasks: Tasks = field(default_factory=Tasks)
    snapshots: Snapshots = field(default_factory=Snapshots)
    changes: Changes = field(default_factory=Changes)
    faults: Faults = field(default_factory=Faults)
    instance_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    requests: Counter[str] = field(default_factory=Counter)
    wires: Counter[str] = field(default_factory=Counter)
    is_host: bool = False
    releases: tuple[str, ...] = RELEASES
    events: Events = field(init=False)
    load: Load = field(init=False)
    tagging: Tagging = field(init=False)
    custom_fields: CustomFields = field(init=False)
    alarms: Alarms = field(init=False)

    def __post_init__(self) -> None:
        self.events = Events(self.inventory, self.changes)
        self.load = Load(self.events)
        self.tagging = Tagging(self.inventory.exists)
        self.custom_fields = CustomFields(self.inventory)
        self.alarms = Alarms(self.inventory, self.events)
