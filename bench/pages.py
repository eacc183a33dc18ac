"""Pages of events as vCenter sends them, without a vCenter: for measurements inside one process."""

from itertools import cycle, islice
from typing import Any

from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.event_page import EventPage
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Inventory
from vcenter_simulator.soap import response
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import properties_of, types, vim, vim_type
from vcenter_source.events.catalog import all_classes


def page(events: int = 1000, objects: int = 1000) -> bytes:
    """Return an answer to ReadNextEvents with the simulator's mix of events about so many VMs."""
    vcenter = Vcenter(inventory=Inventory(objects))
    vcenter.load.backlog(events)
    return answer(vcenter)


def page_of_types(count: int, events: int = 1000) -> bytes:
    """Return the same with so many classes of events in turn, all about one VM, with the fields of every event."""
    vcenter = Vcenter()
    where = arguments_for(vcenter.inventory.machines[0])
    plain = (name for name in sorted(all_classes()) if not mandatory_fields(vim_type(name)))
    bodies = [vcenter.events.body(vim_type(name)(**where), ADMINISTRATOR) for name in islice(plain, count)]
    for body in islice(cycle(bodies), events):
        vcenter.events.post_body(body)
    return answer(vcenter)


def mandatory_fields(kind: Any) -> set[str]:
    """Return the fields that this class must have beside those of every event."""
    every = properties_of(vim.event.Event)
    return {
        name for name, info in properties_of(kind).items() if name not in every and not info.flags & types.F_OPTIONAL
    }


def answer(vcenter: Vcenter) -> bytes:
    """Return all events of a vCenter as one page."""
    return response("ReadNextEvents", vim.event.Event.Array, EventPage(vcenter.events.history.after(0)))
