"""How often Python collects garbage."""

import gc

GC_THRESHOLD = 50000
"""New objects before the next collection. At Python's own 700, events in flight are scanned several times, and there is
hardly ever any garbage among them."""


def freeze_and_relax() -> None:
    """Freeze what is allocated so far: it lives as long as the process, and scanning it costs a fifth of the CPU.

    Only the first call does so: by the second, some of what is there may be garbage.
    """
    if gc.get_freeze_count():
        return
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])
