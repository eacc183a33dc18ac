"""archive, with a real PostgreSQL: one row an event, through floods, repeats, outages and what no column can hold."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from tests.functions.gallery.handlers import load_function, serve_function
from tests.functions.gallery.postgres import Postgres, run_postgres
from tests.support.kit import VM_POWERED_ON, post
from tests.support.waiting import eventually
from vcenter_functions.errors import FunctionError


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with run_postgres() as postgres:
        yield postgres


def select(postgres: Postgres, query: str) -> list[tuple[Any, ...]]:
    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(postgres.url)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_every_event_is_one_row_whatever_happens(postgres: Postgres) -> None:
    with serve_function("archive", {"DATABASE_URL": postgres.url}) as client:
        check_one_event(client, postgres)
        check_a_flood(client, postgres)
        check_what_no_column_holds(client, postgres)
        check_an_outage(client, postgres)
    with serve_function("archive", {"DATABASE_URL": postgres.url}) as client:
        assert post(client).status_code == 204  # the schema is there
    check_the_view(postgres)


def check_one_event(client: httpx.Client, postgres: Postgres) -> None:
    assert [post(client).status_code for _ in range(2)] == [204, 204]
    assert post(client, id="none", subject=None, data={}, eventname="x").status_code == 204
    (row, empty) = select(postgres, "SELECT * FROM vcenter_events ORDER BY id")
    assert row[:2] == ("https://vcenter.test/sdk", "42")
    assert row[2].isoformat() == "2026-01-31T08:00:00+00:00"
    assert row[3:11] == (
        "com.vmware.event.vm.poweredon", "VmPoweredOnEvent", "INFO", "VirtualMachine", "vm-15", "web-1",
        "VSPHERE.LOCAL\\Administrator", "web-1 is powered on",
    )  # fmt: skip
    assert empty[6:9] == (None, None, None)
    assert select(postgres, "SELECT data->'vm'->>'name' FROM vcenter_events WHERE id = '42'") == [("web-1",)]


def check_a_flood(client: httpx.Client, postgres: Postgres) -> None:
    """What comes while the table is locked, 20 events twice each, is a row each, in two transactions at most."""
    with ThreadPoolExecutor(40) as senders, lock_table(postgres):
        sending = [senders.submit(post, client, id=f"flood-{n % 20}") for n in range(40)]
        eventually(lambda: "events_in_progress 40\n" in client.get("/metrics").text)
    assert {each.result().status_code for each in sending} == {204}
    query = "SELECT count(*), count(DISTINCT xmin::text) FROM vcenter_events WHERE id LIKE 'flood-%'"
    ((rows, transactions),) = select(postgres, query)
    assert rows == 20
    assert transactions <= 2


@contextmanager
def lock_table(postgres: Postgres) -> Iterator[None]:
    """Let nobody write until the block is left."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(postgres.url))
        try:
            runner.run(connection.execute("BEGIN; LOCK TABLE vcenter_events"))
            yield
        finally:
            runner.run(connection.close())


def check_what_no_column_holds(client: httpx.Client, postgres: Postgres) -> None:
    """NUL becomes U+FFFD, also in a key; numbers are of any length; an id too long for an index is refused alone."""
    text = "a\0b\0\0 C:\\u0000 \\\0"
    data = VM_POWERED_ON | {"fullFormattedMessage": text, "k\0": text, "big": 2**70}
    long = "".join(f"{n * 7919 % 10007:04x}" for n in range(5000))
    with ThreadPoolExecutor(20) as senders:
        bad = senders.submit(post, client, id=long)
        good = [senders.submit(post, client, id=f"beside-{n}\0", data=data) for n in range(20)]
        assert {each.result().status_code for each in good} == {204}
        assert bad.result().status_code == 422
    assert "PostgreSQL cannot hold this event: " in bad.result().json()["error"]
    expected = text.replace("\0", "\ufffd")
    query = "SELECT count(*), min(message), min(data->>'k\ufffd') FROM vcenter_events WHERE id LIKE 'beside-%\ufffd'"
    assert select(postgres, query) == [(20, expected, expected)]


def check_an_outage(client: httpx.Client, postgres: Postgres) -> None:
    postgres.stop()
    answer = post(client, id="outage")
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("DATABASE_URL: ")
    postgres.start()
    assert post(client, id="outage").status_code == 204
    assert select(postgres, "SELECT count(*) FROM vcenter_events WHERE id = 'outage'") == [(1,)]


def check_the_view(postgres: Postgres) -> None:
    (row,) = select(postgres, "SELECT object_id, object_name, events, errors, last_message FROM vcenter_objects")
    assert row[:4] == ("vm-15", "web-1", 42, 0)


@pytest.mark.parametrize(
    ("value", "message"), [("", "DATABASE_URL: not set"), ("mysql://root:secret@db/x", "DATABASE_URL: set it to")]
)
def test_a_wrong_setting_is_named(value: str, message: str) -> None:
    with pytest.raises(FunctionError) as caught:
        load_function("archive", {"DATABASE_URL": value})
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
