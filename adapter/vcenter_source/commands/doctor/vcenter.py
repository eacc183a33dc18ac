"""vCenter: from its name to its oldest event."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from vcenter_functions.net.tls import Authorities
from vcenter_source.commands.doctor.checks import (
    CHECK_TIMEOUT,
    CheckResult,
    DoctorCheck,
    Results,
    failure,
    ok,
    run_checks,
    warning,
)
from vcenter_source.commands.doctor.endpoint import Endpoint, TrustPolicy
from vcenter_source.commands.doctor.protocols import check_protocols
from vcenter_source.core.errors import AuthenticationError
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.pipeline.roster import RosterEntry
from vcenter_source.vcenter import diagnostics
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.session import ESXI_HOST, Session

MAX_CLOCK_DIFFERENCE = 5.0
"""Seconds that the two clocks may differ without a warning."""

GRANT_ADVICE = "give it the role Read-Only on the root folder, propagated"


class VcenterChecks:
    """The checks of one vCenter. They log in once: several refusals in a row would lock the account.

    ``types_setting`` names the setting of the wanted types. ``identities`` has the name of each vCenter that was logged
    in to, by instance uuid.

    The checkpoint is compared with ``instance_uuid`` and with ``oldest``, when vCenter's oldest event was created. Both
    are None where they are not known.
    """

    def __init__(self, entry: RosterEntry, types_setting: str, identities: dict[str, str]) -> None:
        config, names = entry.vcenter, entry.vcenter.setting_names
        self._config = config
        self._name = config.name
        self._identities = identities
        self._credentials = config.credentials
        self._types = TypeFilter(entry.events.types)
        self._types_setting = types_setting
        server = config.source.removesuffix("/sdk")
        trust_advice = f"set {names.ca_file} to its authority's PEM file ({server}/certs/download.zip has it)"
        trust = TrustPolicy(Authorities(config.ca_file).context, trust_advice, config.insecure)
        plain = warning("http: anybody on the way can read the password", f"set {names.url} to the https address")
        self._endpoint = Endpoint(config.url, names.url, trust, plain, find_vcenter_proxy(config.url))
        self._session = Session(config.url, config.credentials, config.authorities(), names=names)
        self._vcenter = Vcenter(self._session)
        self.instance_uuid: str | None = None
        self.oldest: datetime | None = None

    async def run(self) -> Results:
        """Run all checks, and log out."""
        try:
            return await run_checks(
                [
                    *self._endpoint.checks("vcenter"),
                    DoctorCheck("vcenter login", self.log_in, "vcenter tls"),
                    DoctorCheck("vcenter version", self.version, "vcenter login"),
                    DoctorCheck("vcenter clock", self.clock, "vcenter login"),
                    DoctorCheck("vcenter privileges", self.privileges, "vcenter login"),
                    DoctorCheck("vcenter events", self.events, "vcenter login"),
                    DoctorCheck(
                        "vcenter protocols", partial(check_protocols, self._config, self._session), "vcenter login"
                    ),
                    DoctorCheck("event types", self.event_types, "vcenter login"),
                ]
            )
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._vcenter.close(), CHECK_TIMEOUT)

    async def log_in(self) -> CheckResult:
        """Log in as ``run`` would."""
        username = self._credentials().username
        try:
            await self._vcenter.call(self._session.log_in())
        except AuthenticationError as exc:
            message, _, advice = str(exc).partition("; ")
            return failure(message, f"{advice}; {login_hint(username)}")
        self.instance_uuid = self._session.instance_uuid
        twin = self._identities.setdefault(self.instance_uuid, self._name)
        if twin != self._name:
            return failure(f"{twin} is the same vCenter, with instance uuid {self.instance_uuid}", "remove one of them")
        return ok(f"as {username}", username=username)

    async def version(self) -> CheckResult:
        """Find out which vCenter this is."""
        product, api = self._session.product.full_name, self._session.api_version
        message = f"{product}, API {api}, instance uuid {self.instance_uuid}"
        details = {"product": product, "api_version": api, "instance_uuid": self.instance_uuid}
        if self._session.is_host:
            problem, _, advice = ESXI_HOST.partition("; ")
            return warning(f"{message}: {problem}", advice, **details)
        return ok(message, **details)

    async def clock(self) -> CheckResult:
        """Compare vCenter's clock with ours."""
        ahead = (await self._vcenter.call(diagnostics.read_clock_offset(self._session))).ahead
        message = f"vCenter's clock is {abs(ahead):.1f} s {'behind' if ahead < 0 else 'ahead of'} ours"
        if abs(ahead) > MAX_CLOCK_DIFFERENCE:
            advice = "synchronize both with the same NTP servers: events have vCenter's time, log-ins and traces ours"
            return warning(message, advice, seconds_ahead=ahead)
        return ok(message, seconds_ahead=ahead)

    async def privileges(self) -> CheckResult:
        """Check whether the account may read events, and all of them."""
        granted = await self._vcenter.call(diagnostics.read_privileges(self._session))
        propagated = await self._vcenter.call(diagnostics.can_see_below_root(self._session))
        return assess_privileges(granted, propagated=propagated)

    async def events(self) -> CheckResult:
        """Create a collector, and see how far back it reaches."""
        events = await self._vcenter.call(diagnostics.read_oldest_events(self._session, 1))
        if not events:
            return warning("a collector can be created, but shows no event", f"if vCenter has events, {GRANT_ADVICE}")
        event = events[0]
        self.oldest = event.created
        message = (
            f"a collector can be created; the oldest event is {event.key}, {event.name}, of {format_age(event.created)}"
        )
        return ok(message, key=event.key, name=event.name, created=event.created.isoformat())

    async def event_types(self) -> CheckResult:
        """Check whether each pattern of EVENT_TYPES matches an event class or event type id that this vCenter lists."""
        patterns = self._types.patterns
        if not patterns:
            return ok(f"{self._types_setting} is not set: all events are sent")
        doubts = list(self._types.doubts(await self._vcenter.call(self._session.categories())))
        if doubts:
            message, _, advice = doubts[0].partition("; ")
            return warning(f"{self._types_setting}: {message}", advice, doubts=doubts)
        return ok(f"{self._types_setting}: {', '.join(patterns)}", patterns=list(patterns))


def assess_privileges(granted: Mapping[str, bool], *, propagated: bool) -> CheckResult:
    """Return what the privileges on the root folder mean for the stream."""
    lacking = [name for name, has in granted.items() if not has]
    if diagnostics.VIEW in lacking:
        return failure(f"the account lacks {' and '.join(lacking)} on the root folder", GRANT_ADVICE, lacking=lacking)
    if lacking:
        message = (
            f"the account lacks {lacking[0]} on the root folder: events of objects that it may not read stay hidden"
        )
        return warning(message, GRANT_ADVICE, lacking=lacking)
    if not propagated:
        return warning(
            "the account sees nothing below the root folder", "make its permission on the root folder propagate"
        )
    return ok(f"{' and '.join(granted)} on the root folder", lacking=lacking)


def login_hint(username: str) -> str:
    """Name the other causes of a refusal: vCenter answers InvalidLogin for all of them (SessionManager.Login)."""
    if "@" not in username and "\\" not in username:
        return f"a user name includes its domain, such as {username}@vsphere.local"
    return (
        "a locked account and an expired password get the same refusal: see Administration, Single Sign On in vCenter; "
        "with DISA's STIG settings, three refusals in 15 minutes lock an account until somebody unlocks it"
    )


def format_age(moment: datetime, now: datetime | None = None) -> str:
    """Format a time with its distance from now, in the largest unit that fits."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    size, unit = next(pair for pair in ((86400, "days"), (3600, "h"), (60, "min"), (0, "s")) if abs(seconds) >= pair[0])
    distance = f"{abs(seconds) / (size or 1):.0f} {unit}"
    return f"{moment.isoformat(timespec='seconds')} ({distance} {'ago' if seconds >= 0 else 'ahead of our clock'})"
