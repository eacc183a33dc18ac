"""``vcenter-source dead-letters``: receive the events that nobody accepted, show them, and send them again."""
