"""vcenter-source: vCenter events as CloudEvents, from the event history to a sink."""
