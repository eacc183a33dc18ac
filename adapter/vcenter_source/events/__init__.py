"""Which events there are, how each becomes a CloudEvent, and which of them the user wants.

``metadata`` reads pyVmomi's description of vSphere's types; ``catalog``, ``subjects`` and ``severity`` derive what is
known of an event class; ``conversion`` (with ``veba``) makes CloudEvents, ``adapter_events`` those of our own;
``codec`` writes and reads them; ``typefilter`` is the setting EVENT_TYPES; ``samples`` are made-up events to test with.
"""
