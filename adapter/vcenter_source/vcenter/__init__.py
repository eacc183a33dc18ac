"""All that talks to vCenter for events: pyVmomi speaks the protocol, ``decode`` reads the answers."""
