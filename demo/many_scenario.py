"""``python -m demo --many``: adapters share three vCenters, one adapter is killed, and every new pool gets its tag."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from demo.environment import PASSWORD, USERNAME
from demo.many_environment import SENDER, ManyEnvironment
from demo.many_printer import ManyPrinter, PoolRow
from demo.processes import Processes
from demo.scenario import CREATED, Scenario, summarize
from demo.vsphere import Reference, Soap
from vcenter_functions.otel.span_receiver import Receiver


@dataclass(frozen=True, slots=True)
class ManyScenario:
    """The steps. ``tag`` is ``category/name``, ``folder`` is the path of the manifests as a person would write it."""

    environment: ManyEnvironment
    processes: Processes
    receiver: Receiver
    printer: ManyPrinter
    tag: str
    folder: str

    def run(self) -> None:
        """Run all steps. Raises DemoError or VcenterError with the reason for which one failed."""
        readers = self._wait_until_shared()
        self.printer.show_shares(readers)
        first = self._create_pools("first")
        self.printer.show_first_pools([self._wait_for_row(vcenter, pool) for vcenter, pool in first.items()])
        dead = max(self.environment.adapters, key=list(readers.values()).count)
        (survivor,) = self.environment.adapters.keys() - {dead}
        orphans = [vcenter for vcenter, adapter in readers.items() if adapter == dead]
        second, seconds = self._kill(dead, survivor, orphans)
        self.printer.show_take_over(survivor, seconds, dict.fromkeys(readers, survivor))
        self.printer.show_late_pools([self._wait_for_row(vcenter, second[vcenter]) for vcenter in orphans])
        trace = self._show_trace(orphans[0], second[orphans[0]])
        self.printer.show_summary(
            f"{len(first) + len(second)} new pools in {len(readers)} vCenters, each tagged in its own; {survivor} took "
            f"over {seconds:.1f} s after {dead} was killed; {trace}"
        )

    def _wait_until_shared(self) -> dict[str, str]:
        """Wait until each adapter reads its share; return the adapters by vCenter. Raises DemoError."""
        readers: dict[str, str] = {}

        def find_readers() -> dict[str, str] | None:
            readers.clear()
            for adapter in self.environment.adapters:
                readers.update(dict.fromkeys(self.environment.read_by(adapter), adapter))
            shares = sorted(Counter(readers.values()).values())
            if len(readers) < len(self.environment.vcenters) or shares != [1, 2] or self._find_unread():
                return None
            return {vcenter: readers[vcenter] for vcenter in self.environment.vcenters}

        return self.processes.wait(find_readers, lambda: f"the adapters have not shared the vCenters: {readers}")

    def _find_unread(self) -> list[str]:
        """Return the vCenters in which nobody has made an event collector."""
        return [name for name, vcenter in self.environment.vcenters.items() if not vcenter.state()["collectors"]]

    def _create_pools(self, name: str) -> dict[str, Reference]:
        """Create a resource pool in each vCenter; return them by vCenter."""
        pools = {}
        for vcenter, environment in self.environment.vcenters.items():
            with Soap(environment.simulator, USERNAME, PASSWORD) as soap:
                pools[vcenter] = soap.create_resource_pool(f"{name}-{datetime.now(UTC):%H%M%S}")
        return pools

    def _kill(self, dead: str, survivor: str, orphans: Sequence[str]) -> tuple[dict[str, Reference], float]:
        """Kill an adapter, and create pools; return these, and the seconds until the other one reads all vCenters."""
        identities = self.environment.holders()
        self.processes.kill(dead)
        killed = time.monotonic()
        pools = self._create_pools("second")
        rows = {vcenter: self._wait_for_row(vcenter, pools[vcenter]) for vcenter in pools if vcenter not in orphans}
        rows |= {vcenter: self._read_row(vcenter, pools[vcenter]) for vcenter in orphans}
        holders = self.environment.holders()
        left_over = [vcenter for vcenter in orphans if holders[vcenter] == identities[vcenter]]
        self.printer.show_kill(dead, left_over, [rows[vcenter] for vcenter in pools])
        self._wait_until_all_are_read_by(survivor)
        return pools, time.monotonic() - killed

    def _wait_until_all_are_read_by(self, adapter: str) -> None:
        def has_all() -> bool | None:
            return set(self.environment.read_by(adapter)) == set(self.environment.vcenters) or None

        self.processes.wait(has_all, f"{adapter} has not taken over all vCenters")

    def _wait_for_row(self, vcenter: str, pool: Reference) -> PoolRow:
        """Wait until a pool has its tag in its vCenter."""
        steps = self._steps(vcenter)
        event = steps.wait_for_event(pool)
        steps.wait_for_delivery(event["attributes"])
        return PoolRow(vcenter, pool, event["attributes"].get(SENDER, ""), steps.wait_for_tag(pool))

    def _read_row(self, vcenter: str, pool: Reference) -> PoolRow:
        """Look at a pool as it is now."""
        steps = self._steps(vcenter)
        event = steps.find_event(pool, CREATED) or {"attributes": {}}
        return PoolRow(vcenter, pool, event["attributes"].get(SENDER, ""), steps.read_tags(pool))

    def _show_trace(self, vcenter: str, pool: Reference) -> str:
        """Show the trace of a pool's event; return its summary."""
        steps = self._steps(vcenter)
        spans = steps.collect_trace(steps.wait_for_event(pool)["attributes"])
        self.printer.show_trace(spans, f"One trace of the whole way: the event of {vcenter} that had to wait")
        return summarize(spans)

    def _steps(self, vcenter: str) -> Scenario:
        """Return the steps in one vCenter."""
        environment = self.environment.vcenters[vcenter]
        return Scenario(environment, self.processes, self.receiver, self.printer, self.tag, self.folder, vcenter)
