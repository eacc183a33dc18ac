"""What each fork would otherwise work out anew, done once in the process that forks: it imports this last."""

import gc

from vcenter_simulator.messages import concrete_classes
from vcenter_source.events.catalog import all_classes
from vcenter_source.vcenter.values import get_decoder


def warm_up() -> None:
    """Make the tables of event classes and the types that they need, and leave all of them out of garbage collection.

    A collection writes to each object that it looks at, so each fork would copy their memory.
    """
    for name in concrete_classes():
        get_decoder(name, "Event")
    all_classes()
    gc.collect()
    gc.freeze()


warm_up()
