"""One session, and nothing left behind: blips, lost answers, the limit of collectors; how often a log-in is tried."""

import asyncio
import itertools
import json
import math
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pyVmomi import vim
from structlog.testing import capture_logs

from tests.support.simulator_control import post_events, read_state, set_fault
from tests.support.vcenter import Run, read_events, session, vcenter_client
from tests.support.web_server import web_server
from vcenter_functions.login import Credentials, Refusals
from vcenter_functions.net.tls import Authorities
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD, READER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.errors import AuthenticationError, ConfigurationError, VcenterUnavailableError
from vcenter_source.vcenter import leftovers
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.collector import Collector
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.stub import Stub
from vcenter_source.vcenter.wire import EventQuery


async def read_through(own: Simulator, protocol: Protocol, blips: int, trouble: Callable[[int], None]) -> list[int]:
    """Read events as a running adapter does; before each is posted there is trouble. Returns the keys read."""
    async with vcenter_client(own.url, protocol) as vcenter:
        stream = read_events(vcenter)
        keys: list[int] = []
        async with aclosing(stream):
            await asyncio.to_thread(post_events, own, 1)
            async for event in stream:
                keys.append(event.key)  # type: ignore[union-attr]  # no gap is told here
                if event.class_name.startswith("User"):  # type: ignore[union-attr]
                    continue
                if blips == 0:
                    return keys
                blips -= 1
                await asyncio.to_thread(trouble, blips)
                await asyncio.to_thread(post_events, own, 1)
    raise AssertionError


def collectors(own: Simulator) -> tuple[int, int]:
    now = read_state(own)
    return now["sessions"], now["collectors"]


@pytest.mark.parametrize(
    "trouble",
    [
        {"fault": "cut-connections", "seconds": 0.05},
        {"fault": "drop-connections", "count": 4, "path": "/sdk"},
    ],
    ids=lambda trouble: "-".join(map(str, trouble.values())),
)
def test_forty_blips_leave_one_session_and_nothing_in_it(trouble: dict[str, object], protocol: Protocol) -> None:
    with run_simulator() as own:
        most = 0

        def blip(_: int) -> None:
            nonlocal most
            most = max(most, read_state(own)["sessions"])
            set_fault(own, **trouble)

        keys = asyncio.run(read_through(own, protocol, 40, blip))
        assert keys == list(range(keys[0], keys[0] + len(keys))), "an event was lost, or read twice"
        assert most <= 1
        assert collectors(own) == (0, 0), "left behind after a clean stop"


def test_a_collector_that_nobody_was_told_of_goes_with_its_session(protocol: Protocol) -> None:
    def blip(_: int) -> None:
        set_fault(own, fault="lose-answers", method="CreateCollectorForEvents")
        set_fault(own, fault="drop-connections", method="ReadNextEvents")

    with run_simulator() as own:
        asyncio.run(read_through(own, protocol, 34, blip))
        assert read_state(own)["requests"]["CreateCollectorForEvents"] > 2 * 32
        assert collectors(own) == (0, 0)


def test_a_session_that_has_as_many_collectors_as_it_may_is_begun_anew(protocol: Protocol) -> None:
    async def read(own: Simulator) -> None:
        one = session(own.url, protocol=protocol)
        await one.log_in()
        for _ in range(32):
            await Collector.create(one, EventQuery())
        with pytest.raises(VcenterUnavailableError, match="InvalidState"):
            await Collector.create(one, EventQuery())
        vcenter = Vcenter(one)
        async with vcenter.reader(None, ()) as reader:
            assert len(await reader.read()) >= 1
            assert collectors(own) == (1, 1)
        await vcenter.close()

    with run_simulator() as own:
        asyncio.run(read(own))
        assert collectors(own) == (0, 0)


def test_a_session_whose_log_in_was_never_answered_is_ended_where_the_account_may(run: Run, protocol: Protocol) -> None:
    with run_simulator() as own:
        set_fault(own, fault="late-cookies")
        one = session(own.url, protocol=protocol)
        set_fault(own, fault="lose-answers", method="Login", count=3)
        for _ in range(3):
            with pytest.raises(VcenterUnavailableError):
                run(one.log_in())
        other = session(own.url, protocol=protocol)
        run(other.log_in())
        run(one.log_in())
        assert read_state(own)["sessions"] == 2, "the other's session is its own"
        run(one.log_out())
        run(other.log_out())
        assert read_state(own)["sessions"] == 0


def test_a_log_in_that_was_never_answered_leaves_nothing_to_an_account_that_may_only_read(
    run: Run, protocol: Protocol
) -> None:
    # By SOAP alone: VI/JSON has no id of a session before the answer to Login.
    with run_simulator() as own:
        one = Session(own.url, lambda: Credentials(READER, SecretStr(PASSWORD)), Authorities())
        set_fault(own, fault="lose-answers", method="Login", count=3)
        for _ in range(3):
            with pytest.raises(VcenterUnavailableError):
                run(one.log_in())
            assert read_state(own)["sessions"] <= 1
        run(one.log_in())
        assert read_state(own)["sessions"] == 1
        run(one.log_out())
        assert read_state(own)["sessions"] == 0


def test_a_session_that_could_not_be_ended_is_ended_later(run: Run, protocol: Protocol) -> None:
    with run_simulator() as own:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        one.mark_unclean()
        set_fault(own, fault="drop-connections", path="/sdk")  # its Logout
        run(one.ensure())
        assert read_state(own)["sessions"] == 2
        run(one.log_out())
        assert read_state(own)["sessions"] == 0


def test_what_cannot_be_freed_holds_up_no_end(monkeypatch: pytest.MonkeyPatch, run: Run, protocol: Protocol) -> None:
    monkeypatch.setattr(leftovers, "CLEANUP_TIMEOUT", 0.3)
    with run_simulator() as own:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        made = [run(Collector.create(one, EventQuery())) for _ in range(6)]
        set_fault(own, fault="delay", seconds=1, count=30)
        begun = time.monotonic()
        for each in made:
            run(each.destroy())
        run(one.log_out())
        assert time.monotonic() - begun < 10, "seven tries of 0.3 s, not one for each object again and again"


def test_a_session_that_cannot_be_asked_is_not_replaced(run: Run, protocol: Protocol) -> None:
    with run_simulator() as own:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        set_fault(
            own, fault="drop-connections", path="/sdk", count=1 if protocol == "soap" else 2
        )  # aiohttp asks twice
        with pytest.raises(VcenterUnavailableError):
            run(one.ensure())
        run(one.ensure())
        assert read_state(own)["requests"]["Login"] == 1
        run(one.log_out())


def test_each_refusal_is_followed_by_a_longer_wait_and_other_credentials_by_none() -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    wrong, other = (Credentials(ADMINISTRATOR, SecretStr(password)) for password in ("wrong", "wrong too"))
    for pause in (60, 125, 240, 480, 900, 900):  # the third not within vCenter's three minutes of the first
        refusals.note(wrong)
        assert refusals.pause(wrong) == pause
        assert refusals.pause(other) == 0
        now += pause
        assert refusals.pause(wrong) == 0
    refusals.note(other)
    assert refusals.pause(other) == 900, "another password of the same account"
    refusals.note(Credentials("another@vsphere.local", SecretStr("wrong")))
    assert refusals.pause(Credentials("another@vsphere.local", SecretStr("wrong"))) == 60
    refusals.forget()
    refusals.note(wrong)
    assert refusals.pause(wrong) == 60


def test_one_program_alone_is_refused_more_often_than_a_vcenter_hardened_by_the_stig_allows() -> None:
    now, wrong = 0.0, Credentials(ADMINISTRATOR, SecretStr("wrong"))
    refusals, at = Refusals(lambda: now), []
    while now < 15 * 60:
        refusals.note(wrong)
        at.append(now)
        now += refusals.pause(wrong)
    assert at == [0, 60, 185, 425], "the third of them locks the account, until somebody unlocks it"


def test_credentials_that_change_over_and_over_and_are_wrong_wait_too() -> None:
    now = 0.0
    refusals = Refusals(lambda: now)
    for number in range(3):
        changed = Credentials(ADMINISTRATOR, SecretStr(str(number)))
        assert refusals.pause(changed) == 0
        refusals.note(changed)
        now += 10
    assert refusals.pause(Credentials(ADMINISTRATOR, SecretStr("right at last"))) == 155


class Vmdir:
    """vCenter's count, of whole seconds: it begins anew when more than 180 have passed since the first refusal."""

    def __init__(self) -> None:
        self.first, self.count, self.locked = -math.inf, 0, False

    def refuse(self, now: float) -> None:
        if math.floor(now) - self.first > 180:
            self.first, self.count = math.floor(now), 0
        self.count += 1
        self.locked = self.locked or self.count >= 5


@given(begins=st.tuples(st.floats(0, 1000), st.floats(0, 1000)), steps=st.lists(st.floats(0.01, 5), min_size=20))
def test_adapter_and_pytag_with_one_wrong_password_do_not_lock_the_account(
    begins: tuple[float, float], steps: list[float]
) -> None:
    now = 0.0
    ours = Credentials(ADMINISTRATOR, SecretStr("wrong"))
    theirs = Credentials(ADMINISTRATOR, SecretStr("wrong"))
    adapter, pytag, vmdir = Refusals(lambda: now), Refusals(lambda: now), Vmdir()
    idle_until = 0.0
    for step in itertools.cycle(steps):
        now += step
        if now > 3000:
            break
        if now < idle_until:
            continue
        if now > begins[0] and adapter.pause(ours) == 0:
            adapter.note(ours)
            vmdir.refuse(now)
        if now > begins[1] and pytag.pause(theirs) == 0:
            pytag.note(theirs)
            vmdir.refuse(now)
        assert not vmdir.locked
        waits = max(begins[0] - now, adapter.pause(ours)), max(begins[1] - now, pytag.pause(theirs))
        idle_until = now + min(waits) - 0.001


def test_a_client_that_is_patient_waits_for_another_secret_and_is_refused_once(protocol: Protocol) -> None:
    password = "wrong"
    waits = 0

    async def wait(_: float) -> None:
        nonlocal password, waits
        waits += 1
        if waits == 3:
            password = PASSWORD

    async def connect(own: Simulator) -> None:
        vcenter = Vcenter(
            Session(own.url, lambda: Credentials(ADMINISTRATOR, SecretStr(password)), Authorities(), protocol=protocol),
            sleep=wait,
        )
        await vcenter.connect(patient=True)
        await vcenter.close()

    with run_simulator() as own:
        asyncio.run(connect(own))
        assert read_state(own)["refusedLogins"] == 1
    assert waits == 3


def test_the_line_on_a_wait_without_an_end_is_json_too(protocol: Protocol) -> None:
    """A Secret that is refused, and gone just then: its files are waited for."""
    asked = 0

    def credentials() -> Credentials:
        nonlocal asked
        asked += 1
        if asked in {2, 3}:
            raise ConfigurationError("VCENTER_SECRET_PATH: cannot read password: No such file or directory")
        return Credentials(ADMINISTRATOR, SecretStr("wrong" if asked == 1 else PASSWORD))

    async def connect(own: Simulator) -> None:
        vcenter = Vcenter(
            Session(own.url, credentials, Authorities(), protocol=protocol), sleep=lambda _: asyncio.sleep(0)
        )
        await vcenter.connect(patient=True)
        await vcenter.close()

    with run_simulator() as own, capture_logs() as logged:
        asyncio.run(connect(own))
    (line,) = (each for each in logged if each["event"] == "waiting to log in again")
    assert json.loads(json.dumps(line), parse_constant=pytest.fail)["seconds"] is None


def test_a_locked_account_is_not_asked_more_often(run: Run, protocol: Protocol) -> None:
    now = 0.0
    with run_simulator() as own:
        set_fault(own, fault="lock-out", failures=5, seconds=180)
        one = Session(
            own.url,
            lambda: Credentials(ADMINISTRATOR, SecretStr("wrong")),
            Authorities(),
            refusals=Refusals(lambda: now),
            protocol=protocol,
        )
        for _ in range(190):
            with pytest.raises(AuthenticationError, match=r"refuses.*VCENTER_PASSWORD"):
                run(one.ensure())
            now += 1
        assert read_state(own)["refusedLogins"] == 3
        run(one.log_out())


def test_an_esxi_host_is_said_so_once(run: Run, protocol: Protocol) -> None:
    with run_simulator() as own, capture_logs() as logs:
        set_fault(own, fault="esxi-host")
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        run(one.log_in())
        run(one.log_out())
    said = [line for line in logs if "ESXi host, not a vCenter" in line["event"]]
    assert len(said) == 1
    assert said[0]["log_level"] == "warning"


@pytest.mark.parametrize("path", ["/ui", "/vc-a/sdk", "/sdk/vimService"])
def test_a_path_that_is_not_used_is_said_so(path: str, protocol: Protocol) -> None:
    with capture_logs() as logs:
        session(f"https://vc.example{path}", protocol=protocol)
    assert [(line["path"], line["read"]) for line in logs] == [(path, "https://vc.example/sdk")]


@pytest.mark.parametrize("path", ["", "/", "/sdk", "/sdk/"])
def test_the_usual_paths_are_not_worth_a_word(path: str, protocol: Protocol) -> None:
    with capture_logs() as logs:
        session(f"https://me:secret@vc.example{path}", protocol=protocol)
    assert not logs


UNKNOWN_JSON_FAULT = b'{"_typeName":"SecondFactorRequired","faultstring":"Multi-factor log-in is required."}'
UNKNOWN_FAULT = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode>
<faultstring>Multi-factor log-in is required.</faultstring><detail><SecondFactorRequiredFault xmlns="urn:vim25"
 xsi:type="SecondFactorRequired"></SecondFactorRequiredFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"""


def test_a_fault_that_nobody_knows_is_named(run: Run, protocol: Protocol) -> None:
    with (
        web_server(500, UNKNOWN_FAULT if protocol == "soap" else UNKNOWN_JSON_FAULT) as url,
        pytest.raises(VcenterUnavailableError, match="answers SecondFactorRequired: Multi-factor log-in is required"),
    ):
        run(session(url, protocol=protocol).log_in())


def test_a_connection_that_vcenter_closes_after_each_answer_is_made_again() -> None:
    with web_server(500, UNKNOWN_FAULT) as url:  # HTTP/1.0: each answer is its connection's last
        stub = Stub(None, url=url, version="vim.version.version9")
        for _ in range(2):
            with pytest.raises(Exception, match="Multi-factor"):
                stub.call_raw(vim.ServiceInstance("ServiceInstance", stub), "RetrieveContent")
        stub.DropConnections()
