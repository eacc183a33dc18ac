"""Stream, delivery, ledger and checkpoint against a model of all around them, whatever happens in whatever order.

Hypothesis writes histories of events, answers, failures and crashes. After every step:

* what the kept checkpoint covers was acknowledged by the sink or the dead letter;
* the sink has each object's events in order, as far as one life of the process goes;
* nothing is sent that the sink or the dead letter had acknowledged when the checkpoint was last kept, or in this life;
* no failure has ended the process.

And whenever all goes well for a while, nothing is missing that vCenter still holds or that was read.

asyncio does not stand in the way of a state machine: the process runs in a loop that each rule moves on until all of
it waits. No timer runs and no thread, so the same rules have the same effect each time, and a failure shrinks.
"""

import logging
import math
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from adapter.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    RetryableError,
    SessionLostError,
    SinkUnavailableError,
    VcenterUnavailableError,
)
from adapter.position import OVERLAP
from tests.pipeline_life import UNWANTED, WANTED, Life
from tests.pipeline_world import EPOCH, KEY_MAX, History, SteppedLoop, Stored, World

pytestmark = pytest.mark.guarantees

NUMBERS = st.integers(0, 15)
"""Which of several calls."""
OBJECTS = st.sampled_from(["a", "b", "c", None])
PAUSES = st.sampled_from([0.0, 0.001, 1.0, 25.0, 59.999, 60.0, 61.0, 4000.0])
"""Seconds, around the overlap above all."""
CLASSES = st.sampled_from([WANTED, WANTED, WANTED, UNWANTED])
KEYS = st.sampled_from([1, 7, 5000, KEY_MAX - 3, -KEY_MAX])
STEP = 0.002
"""Seconds between events of a hidden span, the least that a collector's begin can be told apart by."""
REST = 8
"""Empty pages in a row after which nothing more will come."""
ENDLESS = 3000


class Pipeline(RuleBasedStateMachine):
    """One vCenter, one sink, and one life of the adapter after the other; None while it is down."""

    world: World
    life: Life | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = SteppedLoop()

    @initialize(
        page_size=st.integers(1, 4),
        shows_late=st.booleans(),
        key=KEYS,
        backlog=st.lists(st.tuples(OBJECTS, PAUSES), max_size=8),
        start=st.none() | PAUSES,
        window=st.integers(1, 5),
        give_up_after=st.sampled_from([math.inf, 20.0]),
    )
    def begins(
        self,
        *,
        page_size: int,
        shows_late: bool,
        key: int,
        backlog: list[tuple[str | None, float]],
        start: float | None,
        window: int,
        give_up_after: float,
    ) -> None:
        history = History(page_size, shows_late=shows_late, next_key=key)
        self.world = World(history, None if start is None else EPOCH + timedelta(seconds=start))
        self.window, self.give_up_after = window, give_up_after
        for about, pause in backlog:
            self.vcenter_stores(WANTED, about, pause)
        self.starts()

    # vCenter and its history

    @rule(class_name=CLASSES, about=OBJECTS, pause=PAUSES)
    def vcenter_stores(self, class_name: str, about: str | None, pause: float) -> None:
        self.world.seconds += pause
        self.world.history.store(class_name, about, self.world.now)

    @rule(abouts=st.lists(OBJECTS, min_size=2, max_size=9))
    def vcenter_stores_many_at_once(self, abouts: list[str | None]) -> None:
        for about in abouts:
            self.vcenter_stores(WANTED, about, 0.0)

    @rule(about=OBJECTS, lateness=PAUSES)
    def vcenter_stores_one_out_of_order(self, about: str | None, lateness: float) -> None:
        history = self.world.history
        if history.hidden_until + OVERLAP < history.newest:  # else it stays behind what no new collector passes
            history.store(WANTED, about, history.newest - timedelta(seconds=lateness))

    @rule(count=st.integers(1, 9), step=st.sampled_from([STEP, 1.0, 40.0]))
    def vcenter_stores_what_this_account_may_not_see(self, count: int, step: float) -> None:
        for _ in range(count):
            self.world.seconds += step
            self.world.history.store(WANTED, "a", self.world.now, hidden=True)
            self.world.history.hidden_until = self.world.now
        self.world.seconds += step

    @rule(key=KEYS)
    def keys_begin_anew(self, key: int) -> None:
        self.world.history.next_key = key

    @rule(keep=st.integers(0, 5))
    def history_is_purged(self, keep: int) -> None:
        self.world.history.purge(keep)

    @precondition(lambda self: self.life and self.life.asked)
    @rule(count=st.integers(1, 12))
    def vcenter_answers(self, count: int) -> None:
        for _ in range(count):
            if self.process.asked:
                self.process.answer(self.process.asked)

    @precondition(lambda self: self.life and self.life.asked)
    @rule(gone=st.booleans(), lost=st.booleans())
    def vcenter_fails(self, gone: bool, lost: bool) -> None:
        why = SessionLostError("expired") if gone else VcenterUnavailableError("no answer")
        self.process.answer(self.process.asked, why=why, lost=lost)

    @precondition(lambda self: self.world.history.collectors)
    @rule()
    def collector_falls_silent(self) -> None:
        for collector in self.world.history.collectors:
            collector.silent = True

    # The sink, the dead letter, the clock, the store

    @precondition(lambda self: self.life and self.life.sends)
    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=9))
    def sink_accepts(self, numbers: list[int]) -> None:
        for number in numbers:
            if self.process.sends:
                self.process.answer(self.process.sends, number)

    @precondition(lambda self: self.life and self.life.sends)
    @rule(number=NUMBERS, lost=st.booleans())
    def sink_fails(self, number: int, lost: bool) -> None:
        self.process.answer(self.process.sends, number, SinkUnavailableError("503"), lost=lost)

    @precondition(lambda self: self.life and self.life.sends)
    @rule(number=NUMBERS)
    def sink_refuses(self, number: int) -> None:
        self.process.answer(self.process.sends, number, EventRefusedError("400"))

    @precondition(lambda self: self.life and self.life.letters)
    @rule(number=NUMBERS)
    def dead_letter_is_stored(self, number: int) -> None:
        self.process.answer(self.process.letters, number)

    @precondition(lambda self: self.life and self.life.letters)
    @rule(number=NUMBERS, lost=st.booleans())
    def dead_letter_is_not_stored(self, number: int, lost: bool) -> None:
        self.process.answer(self.process.letters, number, DeadLetterUnavailableError("full"), lost=lost)

    @precondition(lambda self: self.life and self.life.sleeps)
    @rule(count=st.integers(1, 5))
    def waits_end(self, count: int) -> None:
        for _ in range(count):
            if self.process.sleeps:
                self.process.wake()

    @precondition(lambda self: self.life and not self.loop.threaded)
    @rule()
    def checkpoint_is_taken(self) -> None:
        self.process.save()

    @precondition(lambda self: self.loop.threaded)
    @rule()
    def checkpoint_is_kept(self) -> None:
        self.process.answer(self.loop.threaded)

    @precondition(lambda self: self.loop.threaded)
    @rule(lost=st.booleans())
    def checkpoint_is_not_kept(self, lost: bool) -> None:
        self.process.answer(self.loop.threaded, why=RetryableError("disk full"), lost=lost)

    # The process

    @precondition(lambda self: self.life)
    @rule(reaching=st.lists(st.booleans(), min_size=8, max_size=8))
    def crashes(self, reaching: list[bool]) -> None:
        outcomes = iter(reaching)
        self.process.crash(lambda: next(outcomes, False))
        self.life = None

    @precondition(lambda self: not self.life)
    @rule()
    def starts(self) -> None:
        self.life = Life(self.loop, self.world, window=self.window, give_up_after=self.give_up_after)

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """Every call is answered until nothing is left to do; then nothing may be missing."""
        if self.life is None:
            self.starts()
        if not self.world.history.shows_its_end():
            self.vcenter_stores(WANTED, "b", STEP)  # something newer, by which a collector is told to be stuck
        self._comes_to_rest()
        missing = [s.event.identity for s in self.world.history.ever if self._is_due(s) and not self._is_done(s)]
        assert not missing, f"neither the sink nor the dead letter has {missing}"

    # What holds after every step

    @invariant()
    def no_failure_ends_the_process(self) -> None:
        for task in self.life.tasks if self.life else ():
            if task.done():
                task.result()

    @invariant()
    def the_kept_checkpoint_covers_nothing_but_what_is_done(self) -> None:
        kept = self.world.kept
        for stored in self.world.history.ever if kept else ():
            if kept and kept.covers(stored.event.identity):
                assert self._is_done(stored) or not self._is_due(stored), f"{stored} is covered"

    @invariant()
    def the_sink_has_each_objects_events_in_order(self) -> None:
        if self.life is None:
            return
        stored_as = {stored.event.identity: stored for stored in self.world.history.ever}
        for lane in self.life.by_lane.values():
            accepted = [stored_as[identity] for identity in lane]
            for i, later in enumerate(accepted):
                assert not any(self._overtaken(earlier, later) for earlier in accepted[:i]), lane

    def teardown(self) -> None:
        """A clean stop, after which nothing at all is sent twice."""
        try:
            if sys.exception() is None and hasattr(self, "world"):
                self._ends_well()
        finally:
            if self.life is not None:
                self.life.crash(lambda: False)
            self.loop.close()

    def _ends_well(self) -> None:
        self.all_goes_well_for_a_while()
        self.process.save()
        self.process.answer(self.loop.threaded)
        self.process.crash(lambda: False)
        self.starts()
        self.all_goes_well_for_a_while()

    @property
    def process(self) -> Life:
        assert self.life is not None
        return self.life

    def _comes_to_rest(self) -> None:
        life, quiet = self.process, 0
        for _ in range(ENDLESS):
            calls = next((calls for calls in (self.loop.threaded, life.sends, life.letters) if calls), None)
            if calls is not None:
                quiet = 0
                life.answer(calls)
            elif life.sleeps:
                life.wake()
            else:
                quiet += life.idle
                life.answer(life.asked)
            if quiet == REST:
                self.no_failure_ends_the_process()
                return
        raise AssertionError("it never comes to rest")

    def _is_done(self, stored: Stored) -> bool:
        return stored.event.identity in self.world.acknowledged

    def _is_due(self, stored: Stored) -> bool:
        """Whether the promise is about it: an event that is wanted and could be read."""
        event, since = stored.event, self.world.since
        if stored.hidden or event.class_name != WANTED or (since is not None and event.created < since):
            return False
        if self.life is not None and event.identity in self.life.taken:
            return True
        return stored in self.world.history.held and (stored.readable or not stored.late) and not stored.between

    def _overtaken(self, earlier: Stored, later: Stored) -> bool:
        """Whether the one that was accepted earlier should have come later, by its time and by its place."""
        if later.late and not self.world.history.shows_late:
            return False
        return later.number < earlier.number and later.event.created <= earlier.event.created


@pytest.fixture
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.timeout(600)  # a failure is shrunk first
def test_nothing_is_lost_or_overtaken_and_no_checkpoint_runs_ahead(quiet: None) -> None:
    run_state_machine_as_test(
        Pipeline,
        settings=settings(max_examples=150, stateful_step_count=50, deadline=None),
    )
