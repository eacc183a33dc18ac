"""The only room that talks to vCenter: pyVmomi speaks the protocol, ``decode`` reads what comes back."""
