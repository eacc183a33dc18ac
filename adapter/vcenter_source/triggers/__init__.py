"""Triggers that people write: which event types there are, a Trigger for some of them, and whether one can ever match.

``world`` says what the attributes of the adapter's events can be, ``conditions`` whether a filter and that agree. The
manifests are read by ``manifests``, their filters by ``filters`` and ``cesql``; ``values`` finds what is wrong with a
single value, ``lint`` with a whole Trigger. ``listing``, ``schema`` and ``writing`` are the other commands.
"""
