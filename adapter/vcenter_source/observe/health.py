"""The checks of readiness: whether vCenter, the sink and the checkpoint work, and if not, why."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.observe.stall import STALL_SECONDS
from vcenter_source.observe.status import PipelineStatus, WaitingEvent
from vcenter_source.pipeline.reader import WAIT_SECONDS
from vcenter_source.state.lease import Lease


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check of readiness, and the reason for an operator."""

    ok: bool
    why: str


@dataclass(frozen=True, slots=True)
class VcenterHealth:
    """Checks the pipeline of one vCenter.

    In seconds: ``stale_after`` is how long something may go wrong before a check fails, ``checkpoint_interval`` the
    time between two saves of the checkpoint. ``lease`` says which of several adapters delivers, None without others.
    """

    status: PipelineStatus
    stale_after: float
    checkpoint_interval: float
    lease: Lease | None = None

    @property
    def is_leading(self) -> bool:
        """Whether this adapter is the one that delivers."""
        return not self.status.standby_reason and (self.lease is None or self.lease.is_held)

    def run_checks(self) -> dict[str, Check]:
        """Return the checks by name. A standby talks to the API server alone, and is ready as a standby."""
        lease = {"lease": self._check_lease(self.lease)} if self.lease else {}
        if not self.is_leading:
            return lease
        ends = {"vcenter": self._check_vcenter(), "sink": self._check_sink()}
        return ends | {"checkpoint": self._check_checkpoint()} | lease

    def run_checks_now(self) -> dict[str, Check]:
        """Return the checks as they are at this moment: one fails with the last call, however short ago."""
        status = self.status
        connections = {"vcenter": status.vcenter, "checkpoint": status.checkpoint}
        if status.in_flight:  # without any, nobody tries the sink again
            connections["sink"] = status.sink
        checks = self.run_checks()
        for name, connection in connections.items():
            if name in checks and connection.is_failing:
                checks[name] = fail_now(checks[name], connection)
        return checks

    def _check_lease(self, lease: Lease) -> Check:
        """Check that the Lease is ours, or that we have learned lately whose it is."""
        if self.is_leading:
            return Check(ok=True, why=f"leading{with_reason(lease.connection.reason)}")
        if lease.connection.failing_for > self.stale_after:
            why = f"standby, and the Lease has not been read for {lease.connection.failing_for:.0f} s"
            return Check(ok=False, why=f"{why}{with_reason(lease.connection.reason)}")
        reason = self.status.standby_reason or (f"{lease.holder} is leading" if lease.holder else "")
        return Check(ok=True, why=f"standby{with_reason(reason)}")

    def _check_vcenter(self) -> Check:
        """Check that vCenter was read lately. While events wait for the sink, none are read: not vCenter's fault."""
        connection, age = self.status.vcenter, self.status.vcenter.age
        if age is None:
            return Check(ok=False, why=f"not read yet{with_reason(connection.reason)}")
        if connection.failing_for > self.stale_after:
            return Check(ok=False, why=f"not read for {age:.0f} s{with_reason(connection.reason)}")
        if age > self.stale_after + WAIT_SECONDS and not self.status.in_flight:
            return Check(ok=False, why=f"has not answered for {age:.0f} s")
        return Check(ok=True, why=f"read {age:.0f} s ago{with_reason(connection.reason)}")

    def _check_sink(self) -> Check:
        """Check that an event was accepted lately, or that none waits for long. Name the one that waits."""
        connection, oldest = self.status.sink, self.status.oldest
        age = connection.age
        accepted = "no event accepted yet" if age is None else f"the last event was accepted {age:.0f} s ago"
        if oldest is None or (
            oldest.seconds < min(STALL_SECONDS, self.stale_after) and not connection.is_access_refused
        ):
            return Check(ok=True, why=accepted)
        held = f"{accepted}, and {describe_waiting(oldest, self.status.in_flight)}"
        is_patient = oldest.seconds <= self.stale_after or (age is not None and age <= self.stale_after)
        return Check(ok=is_patient and not connection.is_access_refused, why=held)

    def _check_checkpoint(self) -> Check:
        """Check that the checkpoint was saved lately, or that there was nothing to save."""
        connection, age = self.status.checkpoint, self.status.checkpoint.age
        if age is None and not connection.failing_for:
            return Check(ok=True, why="nothing to save yet")
        late = connection.failing_for if age is None else age
        if connection.failing_for > self.stale_after or late > self.stale_after + self.checkpoint_interval:
            return Check(ok=False, why=f"not saved for {late:.0f} s{with_reason(connection.reason)}")
        return Check(ok=True, why=f"up to date {late:.0f} s ago{with_reason(connection.reason)}")


class RosterHealth(Protocol):
    """What knows whether VCENTERS_FILE can be used."""

    @property
    def problem(self) -> str:
        """Why it cannot be used as it is; empty while it can."""


class Health:
    """Checks this process: the pipelines of its vCenters, and what they share.

    ``gateway`` is the connection to an OpenFaaS gateway, None for other sinks. ``roster`` is None for the one vCenter
    of VCENTER_URL.
    """

    def __init__(
        self, stale_after: float, gateway: ConnectionStatus | None = None, roster: RosterHealth | None = None
    ) -> None:
        self.vcenters: dict[str, VcenterHealth] = {}
        """By name; the supervisor adds and removes them."""
        self._stale_after = stale_after
        self._gateway = gateway
        self._roster = roster

    @property
    def is_leading(self) -> bool:
        """Whether this adapter delivers the events of any vCenter."""
        return any(each.is_leading for each in self.vcenters.values())

    @property
    def in_flight(self) -> int:
        """How many events are in flight."""
        return sum(each.status.in_flight for each in self.vcenters.values())

    @property
    def oldest_in_flight(self) -> float:
        """How many seconds the oldest of them has been in flight; 0 without any."""
        return max((each.status.oldest_in_flight for each in self.vcenters.values()), default=0.0)

    @property
    def lag(self) -> float:
        """The greatest lag of a vCenter whose events this adapter delivers, in seconds; NaN if none is known."""
        lags = [each.status.lag for each in self.vcenters.values() if each.is_leading]
        return max((lag for lag in lags if not math.isnan(lag)), default=math.nan)

    def run_checks(self) -> dict[str, Check]:
        """Return the checks by name. Of several vCenters, each check says which of them fail it."""
        return self._check_pipelines(self._run_each()) | self._check_shared()

    def run_checks_now(self) -> dict[str, Check]:
        """Return the checks as they are at this moment, for somebody who looks at them."""
        by_vcenter = {name: each.run_checks_now() for name, each in self.vcenters.items()}
        return self._check_pipelines(by_vcenter, is_any_enough=False) | self._check_shared()

    def _check_shared(self) -> dict[str, Check]:
        """Check what the pipelines share."""
        checks: dict[str, Check] = {}
        if self._gateway is not None and self.is_leading:
            checks["gateway"] = self._check_gateway(self._gateway)
        if self._roster is not None:
            checks["vcenters file"] = Check(ok=not self._roster.problem, why=self._roster.problem or "in use")
        return checks

    def run_checks_by_vcenter(self) -> dict[str, dict[str, Check]]:
        """Return the checks of each vCenter by its name; none for the one vCenter of VCENTER_URL."""
        return {} if self._roster is None else self._run_each()

    def _run_each(self) -> dict[str, dict[str, Check]]:
        return {name: each.run_checks() for name, each in self.vcenters.items()}

    def _check_pipelines(
        self, by_vcenter: Mapping[str, dict[str, Check]], *, is_any_enough: bool = True
    ) -> dict[str, Check]:
        if self._roster is None:
            (only,) = by_vcenter.values()
            return only
        by_check: dict[str, dict[str, Check]] = {}
        for vcenter, checks in by_vcenter.items():
            for name, check in checks.items():
                by_check.setdefault(name, {})[vcenter] = check
        summaries = {
            name: summarize_check(each, is_any_enough=is_any_enough and name == "vcenter")
            for name, each in by_check.items()
        }
        if "lease" in summaries and summaries["lease"].ok:
            leading = sum(each.is_leading for each in self.vcenters.values())
            summaries["lease"] = Check(ok=True, why=f"leading for {leading} of {len(self.vcenters)} vCenters")
        return summaries

    def _check_gateway(self, connection: ConnectionStatus) -> Check:
        """Check that the functions were read lately. Until they are, events go to those that are known."""
        if connection.age is None or connection.failing_for > self._stale_after:
            age = "yet" if connection.age is None else f"for {connection.age:.0f} s"
            return Check(ok=False, why=f"functions not read {age}{with_reason(connection.reason)}")
        return Check(ok=True, why=f"functions read {connection.age:.0f} s ago")


MAX_NAMED = 5
"""How many vCenters a check names."""


def summarize_check(checks: Mapping[str, Check], *, is_any_enough: bool) -> Check:
    """Summarize the same check of several vCenters.

    It fails if it fails for one of them; if ``is_any_enough``, only if it fails for all: a vCenter that is away must
    not hold up the update of a Deployment that reads others.
    """
    failing = {vcenter: check for vcenter, check in checks.items() if not check.ok}
    ok = not failing or (is_any_enough and len(failing) < len(checks))
    if not failing:
        return Check(ok=True, why=f"{len(checks)} of {len(checks)} vCenters")
    named = "; ".join(f"{vcenter}: {check.why}" for vcenter, check in list(failing.items())[:MAX_NAMED])
    more = f"; and {len(failing) - MAX_NAMED} more" if len(failing) > MAX_NAMED else ""
    return Check(ok, f"{len(checks) - len(failing)} of {len(checks)} vCenters; {named}{more}")


def describe_waiting(oldest: WaitingEvent, in_flight: int) -> str:
    """Say which event waits, for how long and for what."""
    named = oldest.envelope.event
    event = f"event {named.get_id()} ({named.get_type()})"
    more = f", and {in_flight - 1} more" if in_flight > 1 else ""
    failures = f"{oldest.failures} failed {'try' if oldest.failures == 1 else 'tries'}: {oldest.reason}"
    why = failures if oldest.failures else "no answer yet"
    return f"{event} waits for {oldest.seconds:.0f} s{more}: {why}"


def fail_now(check: Check, connection: ConnectionStatus) -> Check:
    """Return a check that fails since its connection does, with the reason."""
    known = connection.reason in check.why
    return replace(check, ok=False, why=check.why if known else f"{check.why}{with_reason(connection.reason)}")


def with_reason(reason: str) -> str:
    """Return a reason as the end of a sentence; nothing without a reason."""
    return f": {reason}" if reason else ""
