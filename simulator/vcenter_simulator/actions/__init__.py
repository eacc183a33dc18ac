"""The methods that change the inventory, with the tasks and the events that vCenter makes of them.

Each is done when its task is handed out. Its TaskEvent begins the chain of the events that follow from it.
"""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions import clone, creation, entities, maintenance, migration, pools, power, snapshots

METHODS: dict[str, Callable[..., Any]] = {
    **clone.METHODS,
    **creation.METHODS,
    **entities.METHODS,
    **maintenance.METHODS,
    **migration.METHODS,
    **pools.METHODS,
    **power.METHODS,
    **snapshots.METHODS,
}
