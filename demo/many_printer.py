"""What ``python -m demo --many`` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text

from demo.many_environment import LEASE_DURATION, name_lease
from demo.printer import Printer
from demo.vsphere import Reference

DEFAULT_DURATION = 12
"""Seconds: LEASE_DURATION where nobody sets it."""


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A resource pool: in which vCenter, which adapter has sent its event (empty: none yet), and its tags."""

    vcenter: str
    pool: Reference
    sender: str
    tags: Sequence[str]


class ManyPrinter(Printer):
    """Prints the steps of many vCenters."""

    TITLE: ClassVar[str] = "Three vCenters, two adapters, one pytag"

    def show_shares(self, readers: Mapping[str, str]) -> None:
        """Show which adapter reads which vCenter."""
        self._step("The adapters share the vCenters: each reads those whose Lease it holds")
        self._show_readers(readers)

    def show_first_pools(self, rows: Sequence[PoolRow]) -> None:
        """Show the pools that were created while both adapters lived."""
        self._step("A new resource pool in each vCenter; pytag tags each in its own vCenter")
        self._show_pools(rows)
        if len({row.pool for row in rows}) == 1:
            self._say(
                f"All three are {rows[0].pool}: the same id names another object in each vCenter. pytag acts in the "
                "vCenter that the event's source names."
            )

    def show_kill(self, adapter: str, left_over: Sequence[str], rows: Sequence[PoolRow]) -> None:
        """Show what is tagged while a dead adapter still holds the Leases of the vCenters ``left_over``."""
        self._step(f"{adapter} is killed (kill -9), and again a pool is created in each vCenter")
        self._show_pools(rows)
        if left_over:
            self._say(f"{adapter} still holds the Leases of {join(left_over)}; until they expire, nobody reads these.")

    def show_take_over(self, adapter: str, seconds: float, readers: Mapping[str, str]) -> None:
        """Show who has taken over."""
        self._step(f"{adapter} takes over, {seconds:.1f} s after the kill")
        self._show_readers(readers)
        self._say(
            f"A Lease expires after LEASE_DURATION without a renewal: {LEASE_DURATION} s in this demo, "
            f"{DEFAULT_DURATION} s by default."
        )

    def show_late_pools(self, rows: Sequence[PoolRow]) -> None:
        """Show the pools whose events had to wait."""
        self._step("The events that had to wait are not lost: their pools have the tag, too")
        self._show_pools(rows)

    def _show_readers(self, readers: Mapping[str, str]) -> None:
        self._table(
            ("vCenter", "Lease", "read by"),
            [(vcenter, name_lease(vcenter), adapter) for vcenter, adapter in readers.items()],
        )

    def _show_pools(self, rows: Sequence[PoolRow]) -> None:
        self._table(
            ("vCenter", "new resource pool", "event sent by", "its tag in this vCenter"),
            [
                (row.vcenter, str(row.pool), row.sender or "nobody yet", ", ".join(row.tags) or "no tag yet")
                for row in rows
            ],
        )

    def _table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        for row in (names, *rows):
            cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._line(Text(cells.rstrip(), style="dim" if row is names else ""))

    def _say(self, sentence: str) -> None:
        self._line(Text(sentence, style="italic"))


def join(names: Sequence[str]) -> str:
    """Return ``east, north and west``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
