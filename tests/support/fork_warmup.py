"""What each fork would otherwise work out anew, done once in the process that forks: it imports this last."""

import gc

from vcenter_simulator.messages import concrete_classes
from vcenter_source.events.catalog import all_classes
from vcenter_source.vcenter.values import get_decoder


def warm_up() -> None:
    """Make the tables of event classes, and how their events are read.

    Garbage is collected here, so that no fork does it soon: that looks at all objects, and so copies their memory.
    """
    for name in concrete_classes():
        get_decoder(name, "Event")
    all_classes()
    gc.collect()


warm_up()
