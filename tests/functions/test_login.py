"""A wrong password: the waits grow, a changed one is tried at once, and the account is never locked."""

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.support.clock import Clock
from tests.support.pytag import rest_vcenter, settings
from vcenter_functions.errors import LoginRefusedError
from vcenter_functions.login import Credentials, Refusals
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.transport import create_http_client
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD


def account(password: str) -> Credentials:
    return Credentials(ADMINISTRATOR, SecretStr(password))


def tries(refusals: Refusals, clock: Clock, passwords: dict[int, str], until: int) -> list[int]:
    """When a refused account is tried, by one who asks each second; ``passwords``: the one from a second on."""
    made, password = [], "wrong"
    for second in range(until):
        clock.now, password = float(second), passwords.get(second, password)
        if refusals.pause(account(password)) == 0:
            made.append(second)
            refusals.note(account(password))
    return made


def test_the_waits_between_two_tries_double_up_to_a_quarter_of_an_hour() -> None:
    clock = Clock()
    made = tries(Refusals(clock), clock, {}, 4000)
    assert [b - a for a, b in itertools.pairwise(made)] == [60, 125, 240, 480, 900, 900, 900]


def test_a_changed_password_is_tried_at_once_and_counts_when_it_is_wrong_too() -> None:
    clock = Clock()
    assert tries(Refusals(clock), clock, {10: "other"}, 600) == [0, 10, 185, 425]
    clock = Clock()
    assert tries(Refusals(clock), clock, {100: "other"}, 600) == [0, 60, 100, 340]


def test_another_account_is_not_locked_by_what_happened_to_this_one() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for password in "abc":
        refusals.note(account(password))
    assert refusals.pause(account("d")) > 0
    other = Credentials("another@vsphere.local", SecretStr("wrong"))
    assert refusals.pause(other) == 0
    refusals.note(other)
    assert refusals.pause(other) == 60


def test_a_log_in_that_works_begins_anew() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    assert tries(refusals, clock, {}, 300) == [0, 60, 185]
    refusals.forget()
    assert refusals.pause(account("wrong")) == 0


@given(st.dictionaries(st.integers(0, 900), st.sampled_from("abc"), max_size=12))
def test_adapter_and_pytag_together_stay_below_five_while_nobody_changes_anything(changes: dict[int, str]) -> None:
    clock = Clock()
    made = tries(Refusals(clock), clock, changes, 1200)
    for start in made:
        in_the_window = [at for at in made if start <= at <= start + 180]
        assert len(in_the_window) <= 3
        if not any(start <= at <= start + 180 for at in changes):
            assert len(in_the_window) <= 2


def test_two_who_share_a_wrong_password_do_not_lock_the_account_and_the_right_one_serves_at_once(
    tmp_path: Path,
) -> None:
    """The simulator counts as vCenter does: five refusals within 180 s. Time is passed in on both sides."""
    (tmp_path / "username").write_text(ADMINISTRATOR)
    (tmp_path / "password").write_text("wrong")
    clock = Clock()

    async def live(base: str) -> None:
        given = settings(base, VCENTER_SECRET_PATH=str(tmp_path))
        tracing = Tracing("pytag")
        both = [
            VcenterClient(create_http_client(given.target), Account(given.credentials, clock=clock), tracing)
            for _ in range(2)
        ]
        for second in range(0, 1000, 5):  # as often as a readiness probe asks
            clock.now = float(second)
            for client in both:
                with pytest.raises(LoginRefusedError, match="at once when the files change"):
                    await client.check()
        (tmp_path / "password").write_text(PASSWORD)
        for client in both:
            await client.check()
            await client.close()

    with rest_vcenter() as vcenter:
        refused: list[float] = []
        vcenter.hook = lambda request: refused.append(clock.now) if request.method == "POST" else None
        asyncio.run(live(vcenter.base))
    assert refused[:-2] == [0, 0, 60, 60, 185, 185, 425, 425, 905, 905]
