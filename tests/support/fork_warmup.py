"""What each fork would otherwise work out anew, done once in the process that forks: it imports this last."""

from vcenter_simulator.messages import concrete_classes
from vcenter_source.events.catalog import all_classes
from vcenter_source.vcenter.values import get_decoder


def warm_up() -> None:
    """Make the tables of event classes, and how their events are read."""
    for name in concrete_classes():
        get_decoder(name, "Event")
    all_classes()


warm_up()
