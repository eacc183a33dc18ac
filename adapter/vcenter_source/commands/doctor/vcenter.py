"""vCenter: from its name to its oldest event."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from vcenter_functions.net.tls import Authorities
from vcenter_source.commands.doctor.endpoint import Endpoint, Trust
from vcenter_source.commands.doctor.steps import LIMIT, Finding, Outcome, Step, failed, ok, take, warning
from vcenter_source.core.errors import AuthenticationError
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.settings.source import Settings
from vcenter_source.vcenter import diagnostics
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.session import ESXI_HOST, Session

CLOCKS_APART = 5.0
"""Seconds that the two clocks may differ without a warning."""

GRANT = "give it the role Read-Only on the root folder, propagated"


class VcenterChecks:
    """The checks of one vCenter. It logs in once: a few refusals in a row would lock the account.

    ``instance_uuid`` and ``oldest``, when its oldest event was created, are what the checkpoint is compared with; None
    where they are not known.
    """

    def __init__(self, settings: Settings) -> None:
        self._credentials = settings.vcenter.credentials
        self._types = TypeFilter(settings.events.types)
        server = settings.vcenter.source.removesuffix("/sdk")
        by_hand = f"set VCENTER_CA_FILE to its authority's PEM file ({server}/certs/download.zip has it)"
        trust = Trust(Authorities(settings.vcenter.ca_file).context, by_hand, settings.vcenter.insecure)
        plain = warning("http: whoever listens on the way learns the password", "set VCENTER_URL to the https address")
        proxy = find_vcenter_proxy(settings.vcenter.url)
        self._endpoint = Endpoint(settings.vcenter.url, "VCENTER_URL", trust, plain, proxy)
        self._session = Session(settings.vcenter.url, settings.vcenter.credentials, settings.vcenter.authorities())
        self._vcenter = Vcenter(self._session)
        self.instance_uuid: str | None = None
        self.oldest: datetime | None = None

    async def findings(self) -> list[Finding]:
        """Take them all, and log out."""
        try:
            return await take(
                [
                    *self._endpoint.steps("vcenter"),
                    Step("vcenter login", self.log_in, "vcenter tls"),
                    Step("vcenter version", self.version, "vcenter login"),
                    Step("vcenter clock", self.clock, "vcenter login"),
                    Step("vcenter privileges", self.privileges, "vcenter login"),
                    Step("vcenter events", self.events, "vcenter login"),
                    Step("event types", self.event_types, "vcenter login"),
                ]
            )
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._vcenter.close(), LIMIT)

    async def log_in(self) -> Outcome:
        """Log in as ``run`` would."""
        username = self._credentials().username
        try:
            await self._vcenter.call(self._session.log_in)
        except AuthenticationError as exc:
            found, _, advice = str(exc).partition("; ")
            return failed(found, f"{advice}; {hint(username)}")
        self.instance_uuid = self._session.instance_uuid
        return ok(f"as {username}", username=username)

    async def version(self) -> Outcome:
        """Which vCenter this is."""
        product, api = await self._vcenter.call(diagnostics.read_product, self._session), self._session.api_version
        found = f"{product}, API {api}, instance uuid {self.instance_uuid}"
        details = {"product": product, "api_version": api, "instance_uuid": self.instance_uuid}
        if self._session.is_host:
            said, _, advice = ESXI_HOST.partition("; ")
            return warning(f"{found}: {said}", advice, **details)
        return ok(found, **details)

    async def clock(self) -> Outcome:
        """How far vCenter's clock and ours are apart."""
        ahead = (await self._vcenter.call(diagnostics.read_clock_offset, self._session)).ahead
        found = f"vCenter's clock is {abs(ahead):.1f} s {'behind' if ahead < 0 else 'ahead of'} ours"
        if abs(ahead) > CLOCKS_APART:
            advice = "have both follow the same NTP servers: events carry vCenter's time, log-ins and traces ours"
            return warning(found, advice, seconds_ahead=ahead)
        return ok(found, seconds_ahead=ahead)

    async def privileges(self) -> Outcome:
        """Whether the account may read events, and all of them."""
        granted = await self._vcenter.call(diagnostics.read_privileges, self._session)
        propagated = await self._vcenter.call(diagnostics.can_see_below_root, self._session)
        return judge_privileges(granted, propagated=propagated)

    async def events(self) -> Outcome:
        """Whether a collector can be made, and how far back it reaches."""
        event = await self._vcenter.call(diagnostics.read_oldest_event, self._session)
        if event is None:
            return warning("a collector can be made, but shows no event", f"if there are any, {GRANT}")
        self.oldest = event.created
        found = f"a collector can be made; the oldest event is {event.key}, {event.name}, of {ago(event.created)}"
        return ok(found, key=event.key, name=event.name, created=event.created.isoformat())

    async def event_types(self) -> Outcome:
        """Whether each pattern of EVENT_TYPES matches an event class or event type id that this vCenter lists."""
        patterns = self._types.patterns
        if not patterns:
            return ok("EVENT_TYPES is not set: all are sent")
        doubts = list(self._types.doubts(await self._vcenter.call(self._session.categories)))
        if doubts:
            found, _, advice = doubts[0].partition("; ")
            return warning(f"EVENT_TYPES: {found}", advice, doubts=doubts)
        return ok(f"EVENT_TYPES: {', '.join(patterns)}", patterns=list(patterns))


def judge_privileges(granted: Mapping[str, bool], *, propagated: bool) -> Outcome:
    """What the privileges on the root folder mean for the stream."""
    lacking = [name for name, has in granted.items() if not has]
    if diagnostics.VIEW in lacking:
        return failed(f"the account lacks {' and '.join(lacking)} on the root folder", GRANT, lacking=lacking)
    if lacking:
        found = f"the account lacks {lacking[0]} on the root folder: events of what it may not read stay hidden"
        return warning(found, GRANT, lacking=lacking)
    if not propagated:
        return warning("the account sees nothing below the root folder", "have its permission there propagate")
    return ok(f"{' and '.join(granted)} on the root folder", lacking=lacking)


def hint(username: str) -> str:
    """What else a refusal may mean: vCenter gives one answer for all of it (SessionManager.Login, InvalidLogin)."""
    if "@" not in username and "\\" not in username:
        return f"a user name has its domain with it, such as {username}@vsphere.local"
    return (
        "a locked account and an expired password are refused alike: see Administration, Single Sign On in vCenter; "
        "where that is hardened by DISA's STIG, three refusals in 15 minutes lock an account until somebody unlocks it"
    )


def ago(moment: datetime, now: datetime | None = None) -> str:
    """A time and its distance, in the largest unit that fits."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    size, unit = next(pair for pair in ((86400, "days"), (3600, "h"), (60, "min"), (0, "s")) if abs(seconds) >= pair[0])
    distance = f"{abs(seconds) / (size or 1):.0f} {unit}"
    return f"{moment.isoformat(timespec='seconds')} ({distance} {'ago' if seconds >= 0 else 'ahead of our clock'})"
