"""The room that talks to vCenter, over SOAP to the simulator: log in, read, wake up, lose the session, recover."""

import asyncio
import gc
import socket
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.simulator_control import post_events, read_state, set_fault
from tests.support.vcenter import Run, read_events, session, vcenter_client
from tests.support.waiting import eventually
from tests.support.web_server import web_server
from vcenter_functions.login import Credentials, Refusals
from vcenter_functions.net.tls import Authorities
from vcenter_functions.net.vsphere_versions import choose_version
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.errors import (
    AuthenticationError,
    CertificateError,
    SessionLostError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_source.core.event import Event
from vcenter_source.vcenter import collector
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.wire import EventQuery


def test_what_a_vcenter_says_of_itself(simulator: Simulator, protocol: Protocol) -> None:
    async def ask() -> None:
        vcenter = Vcenter(session(simulator.url, protocol=protocol))
        about = await vcenter.connect()
        await vcenter.close()
        assert about.api_version == "8.0.3.0"
        assert about.now.tzinfo is not None
        assert about.categories["VmPoweredOnEvent"] == "info"
        assert about.categories["BadUsernameSessionEvent"] == "error"
        assert any(name.startswith(("com.vmware.", "esx.")) for name in about.categories)

    asyncio.run(ask())


def test_events_are_read_from_the_oldest_on_in_pages(simulator: Simulator, protocol: Protocol) -> None:
    async def read() -> None:
        post_events(simulator, 1500)
        async with vcenter_client(simulator.url, protocol) as vcenter, vcenter.reader(None, ()) as reader:
            pages = [await reader.read(), await reader.read()]
        assert len(pages[0]) == 1000
        assert len(pages[1]) >= 500
        keys = [event.key for page in pages for event in page]
        assert keys == sorted(set(keys))

    asyncio.run(read())


def test_in_a_backlog_the_next_page_is_there_while_one_is_delivered(protocol: Protocol) -> None:
    async def read(own: Simulator) -> None:
        async with vcenter_client(own.url, protocol) as vcenter, vcenter.reader(None, ()) as reader:
            await reader.read()
            assert reader._ahead is not None
            await asyncio.wait([reader._ahead])
            await asyncio.to_thread(set_fault, own, fault="expire-sessions")
            assert len(await reader.read()) >= 500
            with pytest.raises(SessionLostError):
                await reader.read()

    with run_simulator() as own:
        post_events(own, 1500)
        asyncio.run(read(own))


def test_a_page_that_is_read_ahead_holds_up_no_end(protocol: Protocol) -> None:
    async def read(own: Simulator) -> float:
        async with vcenter_client(own.url, protocol) as vcenter:
            async with vcenter.reader(None, ()) as reader:
                await reader.read()
                set_fault(own, fault="delay", seconds=50)
                await asyncio.sleep(0.1)
                begun = time.perf_counter()
            return time.perf_counter() - begun

    with run_simulator() as own:
        post_events(own, 1500)
        assert asyncio.run(read(own)) < 10
        assert (read_state(own)["sessions"], read_state(own)["collectors"]) == (0, 0)


def test_a_new_event_wakes_the_reader_within_a_quarter_of_a_second(simulator: Simulator, protocol: Protocol) -> None:
    async def wake() -> list[float]:
        delays = []
        async with vcenter_client(simulator.url, protocol) as vcenter, vcenter.reader(None, ()) as reader:
            while await reader.read():
                pass
            await reader.wait(1)  # the first answer tells where the page stands
            for _ in range(5):
                waiting = asyncio.create_task(reader.wait(10))
                await asyncio.sleep(0.05)
                assert not waiting.done()
                await asyncio.to_thread(post_events, simulator, 1)
                begun = time.perf_counter()  # a client of its own for each post takes its time
                await waiting
                assert len(await reader.read()) == 1
                delays.append(time.perf_counter() - begun)
        return sorted(delays)

    assert asyncio.run(wake())[2] < 0.25  # the median, since the machine may pause


def test_a_wake_up_is_not_missed_between_reading_and_waiting(simulator: Simulator, protocol: Protocol) -> None:
    async def wake() -> None:
        async with vcenter_client(simulator.url, protocol) as vcenter, vcenter.reader(None, ()) as reader:
            while await reader.read():
                pass
            await reader.wait(1)
            await asyncio.to_thread(post_events, simulator, 1)
            begun = time.perf_counter()
            await reader.wait(30)
            assert time.perf_counter() - begun < 10

    asyncio.run(wake())


def test_vcenter_itself_filters_by_exact_type(simulator: Simulator, protocol: Protocol) -> None:
    async def read() -> None:
        post_events(simulator, 100)
        async with (
            vcenter_client(simulator.url, protocol) as vcenter,
            vcenter.reader(None, ["VmPoweredOnEvent"]) as reader,
        ):
            assert {event.class_name for event in await reader.read()} == {"VmPoweredOnEvent"}

    asyncio.run(read())


@pytest.mark.parametrize(
    "loss",
    [
        {"fault": "expire-sessions"},
        {"fault": "destroy-collectors"},
        {"fault": "drop-connections", "count": 1},
        {"fault": "status", "status": 503, "count": 2, "path": "/sdk"},
    ],
    ids=lambda loss: str(loss["fault"]),
)
def test_the_stream_goes_on_by_itself_after_a_loss(loss: dict[str, object], protocol: Protocol) -> None:
    with run_simulator() as own:

        async def read() -> list[int]:
            async with vcenter_client(own.url, protocol) as vcenter:
                stream = read_events(vcenter)
                keys: list[int] = []
                async with aclosing(stream):
                    await asyncio.to_thread(post_events, own, 10)
                    async for event in stream:
                        assert isinstance(event, Event)
                        keys.append(event.key)
                        if event.class_name != "UserLoginSessionEvent" and len(keys) == 11:
                            await asyncio.to_thread(set_fault, own, **loss)
                            await asyncio.to_thread(post_events, own, 10)
                        if len(keys) >= 21:
                            return keys
            raise AssertionError

        keys = asyncio.run(read())
    assert keys == list(range(keys[0], keys[0] + len(keys))), "an event was lost, or read twice"


def test_everything_is_freed_at_the_end(protocol: Protocol) -> None:
    with run_simulator() as own:

        async def use() -> None:
            async with vcenter_client(own.url, protocol) as vcenter:
                for _ in range(40):  # more than the 32 collectors that a session may hold
                    async with vcenter.reader(None, ()) as reader:
                        await reader.read()

        asyncio.run(use())
        assert (read_state(own)["sessions"], read_state(own)["collectors"]) == (0, 0)


def test_a_call_under_way_is_aborted_when_its_caller_is_cancelled(simulator: Simulator, protocol: Protocol) -> None:
    async def cancel() -> float:
        async with vcenter_client(simulator.url, protocol) as vcenter, vcenter.reader(None, ()) as reader:
            while await reader.read():
                pass
            await reader.wait(1)
            waiting = asyncio.create_task(reader.wait(50))
            await asyncio.sleep(0.1)
            begun = time.perf_counter()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return time.perf_counter() - begun

    assert asyncio.run(cancel()) < 10


@pytest.mark.parametrize("method", ["Login", "CreateCollectorForEvents", "CreateFilter", "ReadNextEvents"])
def test_whatever_call_is_cancelled_nothing_is_left_behind(method: str, protocol: Protocol) -> None:
    """A call that vCenter has carried out, and whose answer nobody waits for any more."""

    async def cancel(own: Simulator) -> None:
        vcenter = Vcenter(session(own.url, protocol=protocol))

        async def use() -> None:
            await vcenter.connect()
            async with vcenter.reader(None, ()) as reader:
                await reader.read()
            await vcenter.close()

        set_fault(own, fault="trickle", method=method, seconds=30, count=1)
        using = asyncio.create_task(use())
        await asyncio.to_thread(eventually, lambda: method in own.vcenter.requests)
        await asyncio.sleep(0.05)  # to the middle of its answer
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
        await use()

    with run_simulator() as own:
        asyncio.run(cancel(own))
        assert (read_state(own)["sessions"], read_state(own)["collectors"]) == (0, 0)


def test_a_lost_session_is_named(simulator: Simulator, protocol: Protocol) -> None:
    async def lose() -> None:
        async with vcenter_client(simulator.url, protocol) as vcenter, vcenter.reader(None, ()) as reader:
            set_fault(simulator, fault="expire-sessions")
            with pytest.raises(SessionLostError, match="ended the session"):
                await reader.read()

    asyncio.run(lose())


def test_a_wrong_password_is_named(simulator: Simulator, run: Run, protocol: Protocol) -> None:
    refused = session(simulator.url, password="wrong", protocol=protocol)
    with pytest.raises(AuthenticationError, match="VCENTER_PASSWORD"):
        run(refused.log_in())
    run(refused.log_out())


def test_rotated_credentials_are_used_at_the_next_log_in(simulator: Simulator, run: Run, protocol: Protocol) -> None:
    passwords = iter(["wrong", PASSWORD])
    rotating = Session(
        simulator.url, lambda: Credentials(ADMINISTRATOR, SecretStr(next(passwords))), Authorities(), protocol=protocol
    )
    with pytest.raises(AuthenticationError):
        run(rotating.log_in())
    run(rotating.ensure())
    run(rotating.log_out())


def test_a_certificate_must_be_trusted(tmp_path: Path, run: Run, protocol: Protocol) -> None:
    certificate = tmp_path / "vcenter.pem"
    with run_simulator(tls=True, trust_cert=certificate) as own:
        with pytest.raises(CertificateError, match=r"VCENTER_CA_FILE.*VCENTER_INSECURE"):
            run(session(own.url, protocol=protocol).log_in())
        trusting = session(own.url, ca_file=certificate, protocol=protocol)
        run(trusting.log_in())
        run(trusting.log_out())


def test_nobody_there_is_named(run: Run, protocol: Protocol) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with pytest.raises(VcenterUnavailableError, match="Connection refused; check VCENTER_URL"):
            run(session(f"http://127.0.0.1:{taken.getsockname()[1]}/sdk", protocol=protocol).log_in())


# pyVmomi leaves an answer that it cannot read to the garbage collector, here and now.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("status", [200, 500, 404])
@pytest.mark.parametrize("body", [b"", b"hello", b"<html><body>hi</body></html>", b"<html><body>hi"])
def test_whatever_is_no_vcenter_is_named(status: int, body: bytes, run: Run, protocol: Protocol) -> None:
    gc.freeze()  # so that the collection below looks at this test's objects alone
    with web_server(status, body) as url, pytest.raises(VcenterUnavailableError, match="check VCENTER_URL"):
        run(session(url, protocol=protocol).log_in())
    gc.collect()
    gc.unfreeze()


@pytest.mark.parametrize(
    ("told", "spoken"),
    [
        ("8.0.3.0", "vim.version.v8_0_3_0"),
        ("99.0", "vim.version.v9_1_1_0"),
        ("6.5", "vim.version.version11"),
        ("1.0", "vim.version.version9"),
        ("nonsense", "vim.version.version9"),
    ],
)
def test_the_newest_version_that_both_sides_speak(told: str, spoken: str) -> None:
    assert choose_version(told) == spoken


def test_refused_credentials_are_not_tried_again_at_once_and_others_are(
    simulator: Simulator, run: Run, protocol: Protocol
) -> None:
    clock = iter([0.0, 1.0, 59.0, 61.0, 62.0])  # the first refusal, two looks, a look and the second refusal
    password = "wrong"
    account = Session(
        simulator.url,
        lambda: Credentials(ADMINISTRATOR, SecretStr(password)),
        Authorities(),
        refusals=Refusals(lambda: next(clock)),
        protocol=protocol,
    )

    def log_ins() -> int:
        logged: int = read_state(simulator)["requests"]["Login"]
        return logged

    for _ in range(3):
        with pytest.raises(AuthenticationError):
            run(account.ensure())
    asked = log_ins()
    with pytest.raises(AuthenticationError):
        run(account.ensure())
    assert log_ins() == asked + 1
    password = PASSWORD
    run(account.ensure())
    assert log_ins() == asked + 2
    run(account.log_out())


def test_a_collector_that_cannot_be_finished_is_freed(
    monkeypatch: pytest.MonkeyPatch, run: Run, protocol: Protocol
) -> None:
    monkeypatch.setattr(collector, "LATEST_PAGE_SIZE", 5000)  # more than vCenter allows, so the second call is refused
    with run_simulator() as own:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        with pytest.raises(VcenterRefusedError):
            run(collector.Collector.create(one, EventQuery()))
        assert read_state(own)["requests"]["CreateCollectorForEvents"] == 1
        assert read_state(own)["collectors"] == 0
        run(one.log_out())
