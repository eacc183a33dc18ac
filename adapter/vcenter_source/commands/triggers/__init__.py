"""The commands for those who write Triggers: ``types``, ``trigger`` and ``lint``."""
