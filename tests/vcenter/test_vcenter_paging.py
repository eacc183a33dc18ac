"""How many events are asked for at once: fewer where vCenter is slow or events are large, and more again as it goes."""

import asyncio
import time
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulator_control import post_events, read_state, set_fault
from tests.support.vcenter import Run, read_events, session, vcenter_client
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.errors import VcenterUnavailableError
from vcenter_source.vcenter import collector, leftovers, paging
from vcenter_source.vcenter.collector import Collector
from vcenter_source.vcenter.decode import decode_partial_page
from vcenter_source.vcenter.paging import (
    FIRST_TRIAL,
    MAX_PAGE_BYTES,
    MAX_PAGE_EVENTS,
    READ_TIMEOUT,
    TARGET_PAGE_BYTES,
    Paging,
)
from vcenter_source.vcenter.wire import EventQuery


async def read(own: Simulator, protocol: Protocol, count: int) -> list[int]:
    """The keys of so many events, as a running adapter reads them."""
    async with vcenter_client(own.url, protocol) as vcenter:
        keys: list[int] = []
        async with aclosing(read_events(vcenter)) as events:
            async for event in events:
                keys.append(event.key)  # type: ignore[union-attr]  # no gap is told here
                if len(keys) == count:
                    break
        return keys


def test_after_a_failure_fewer_are_asked_for_down_to_one_and_then_it_may_take_longer() -> None:
    pages = Paging()
    sizes = []
    for _ in range(6):
        sizes.append(pages.size)
        pages.note_failure()
    assert sizes == [1000, 250, 62, 15, 3, 1]
    assert (pages.size, pages.timeout) == (1, 2 * READ_TIMEOUT)


def test_more_again_as_it_goes() -> None:
    pages = Paging()
    pages.note_failure()
    sizes = set()
    for _ in range(5 * 2 * FIRST_TRIAL):
        pages.note_success(pages.size, pages.size * 1000, 1.0)
        sizes.add(pages.size)
    assert sizes == {250, 500, 1000}


def test_a_page_that_took_long_is_followed_by_none_that_takes_longer() -> None:
    pages = Paging()
    for _ in range(1000):
        seconds = pages.size * 0.065
        if seconds > READ_TIMEOUT:
            pages.note_failure()
        else:
            pages.note_success(pages.size, pages.size * 1000, seconds)
            assert pages.size * 0.065 < READ_TIMEOUT
    assert pages.size >= 250


@given(each=st.integers(1, 2 * TARGET_PAGE_BYTES))
def test_pages_have_as_many_events_as_fit(each: int) -> None:
    pages = Paging()
    for _ in range(20):
        if pages.size > 1 and pages.size * each > MAX_PAGE_BYTES:
            pages.note_failure()
        else:
            pages.note_success(pages.size, pages.size * each, 0.1)
            assert pages.size == 1 or pages.size * each <= TARGET_PAGE_BYTES
    assert pages.size == MAX_PAGE_EVENTS or pages.size * each * 4 > TARGET_PAGE_BYTES or each > TARGET_PAGE_BYTES


@given(works=st.integers(1, 999), overlap=st.integers(1, 20_000))
def test_a_size_that_never_works_does_not_keep_a_new_collector_from_coming_beyond_what_it_repeats(
    works: int, overlap: int
) -> None:
    pages, read, failures = Paging(), 0, 0
    while read <= overlap:
        if pages.size > works:
            pages.note_failure()
            read, failures = 0, failures + 1
            assert failures < 40
        else:
            read += pages.size
            pages.note_success(pages.size, pages.size * 1000, 0.1)


def test_a_vcenter_too_slow_for_a_thousand_events_is_read(monkeypatch: pytest.MonkeyPatch, protocol: Protocol) -> None:
    monkeypatch.setattr(paging, "READ_TIMEOUT", 0.65)
    monkeypatch.setattr(paging, "FAST_READ_SECONDS", 0.2)
    monkeypatch.setattr(paging, "SLOW_READ_SECONDS", 0.4)
    with run_simulator() as own:
        post_events(own, 1200)
        set_fault(own, fault="slow-pages", seconds=0.001)
        keys = asyncio.run(read(own, protocol, 1200))
        assert keys == list(range(1, 1201))
        assert read_state(own)["requests"]["ReadNextEvents"] < 60, "not one by one"


def test_a_page_that_was_too_much_is_named(run: Run, protocol: Protocol) -> None:
    pages = Paging()
    pages.timeout = 0.2
    with run_simulator() as own:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        set_fault(own, fault="slow-pages", seconds=0.001)
        reader = run(Collector.create(one, EventQuery(), pages))
        with pytest.raises(VcenterUnavailableError, match=r"no answer within 0.2 s to .* 1000 events; asking for 250$"):
            run(reader.read())
        run(one.log_out())


def test_an_answer_of_a_byte_a_second_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, run: Run, protocol: Protocol
) -> None:
    monkeypatch.setattr(paging, "READ_TIMEOUT", 0.5)
    monkeypatch.setattr(leftovers, "CLEANUP_TIMEOUT", 0.2)
    with run_simulator() as own:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        one.wire.call_timeout = 0.5
        for method in ("CurrentTime", "CreateCollectorForEvents"):
            set_fault(own, fault="trickle", method=method, seconds=0.1, count=1)
            begun = time.monotonic()
            with pytest.raises(VcenterUnavailableError, match=r"has not answered within 0.5 s"):
                run(Collector.create(one, EventQuery())) if method.startswith("Create") else run(one.current_time())
            assert time.monotonic() - begun < 5
        run(one.log_out())


def test_a_collector_that_takes_long_to_be_made_gets_more_time_each_time(
    monkeypatch: pytest.MonkeyPatch, protocol: Protocol
) -> None:
    monkeypatch.setattr(paging, "READ_TIMEOUT", 0.2)
    with run_simulator() as own:
        post_events(own, 10)
        set_fault(own, fault="trickle", method="CreateCollectorForEvents", seconds=0.002, count=20)
        assert asyncio.run(read(own, protocol, 10)) == list(range(1, 11))
        assert read_state(own)["requests"]["CreateCollectorForEvents"] < 8


def test_large_events_are_read_in_pages_that_fit(monkeypatch: pytest.MonkeyPatch, protocol: Protocol) -> None:
    monkeypatch.setattr(paging, "TARGET_PAGE_BYTES", 40_000)
    monkeypatch.setattr(collector, "MAX_PAGE_BYTES", 160_000)
    with run_simulator() as own:
        post_events(own, 50)
        set_fault(own, fault="large-events", count=300, bytes=2_000)
        set_fault(own, fault="large-events", count=3, bytes=120_000)
        post_events(own, 50)
        keys = asyncio.run(read(own, protocol, 403))
        assert keys == list(range(1, 404))


def test_large_events_wake_a_reader_and_are_seen_as_the_newest_ones(
    monkeypatch: pytest.MonkeyPatch, run: Run, protocol: Protocol
) -> None:
    monkeypatch.setattr(collector, "MAX_PAGE_BYTES", 160_000)
    with run_simulator() as own:
        set_fault(own, fault="large-events", count=20, bytes=100_000)
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        reader = run(Collector.create(one, EventQuery()))
        run(reader.wait(1))
        newest = run(reader.read_latest())
        assert newest
        assert {key for key, _ in newest} <= set(range(11, 22))
        begun = time.monotonic()
        run(reader.wait(1))
        assert time.monotonic() - begun > 0.9, "the same page again"
        run(one.log_out())


def test_an_event_that_is_larger_than_memory_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, protocol: Protocol
) -> None:
    monkeypatch.setattr(paging, "TARGET_PAGE_BYTES", 40_000)
    monkeypatch.setattr(collector, "MAX_PAGE_BYTES", 160_000)
    with run_simulator() as own:
        set_fault(own, fault="large-events", count=2, bytes=1_000_000)
        post_events(own, 10)
        assert asyncio.run(read(own, protocol, 12)) == list(range(1, 13))


def test_what_comes_before_the_cut_is_an_event_of_its_own() -> None:
    whole = (
        b'<e:Envelope xmlns:e="urn:e"><e:Body><ReadNextEventsResponse xmlns="urn:vim25"><returnval '
        b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="GeneralUserEvent"><key>7</key>'
        b"<createdTime>2026-01-31T08:00:00Z</createdTime><userName>me</userName><fullFormattedMessage>xxxxxxxxxx"
    )
    (event,) = decode_partial_page(whole)
    assert (event.class_name, event.key, event.created.isoformat()) == (
        "GeneralUserEvent",
        7,
        "2026-01-31T08:00:00+00:00",
    )
    assert event.data["userName"] == "me"
    assert "fullFormattedMessage" not in event.data
    assert len(decode_partial_page(whole[:60])) == len(decode_partial_page(b"nothing")) == 0
