"""Stream, delivery, tracker and checkpoint against a model of all around them, whatever happens in whatever order.

Hypothesis writes histories of events, answers, failures and crashes. After every step:

* what the kept checkpoint names was acknowledged by the sink or the dead letter;
* no failure has ended the process.

And until vCenter's clock or its keys are set back, which have it read some events once more:

* what the kept checkpoint covers by its time was acknowledged, too;
* the sink has each object's events in order, as far as one life of the process goes;
* nothing is sent that the sink or the dead letter had acknowledged when the checkpoint was last kept, or in this life.

Whenever all goes well for a while, nothing is missing that vCenter still holds or that was read.

asyncio does not stand in the way of a state machine: the process runs in a loop that each rule moves on until all of
it waits. No timer runs and no thread, so the same rules have the same effect each time, and a failure shrinks.
"""

import logging
import math
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Literal

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

from tests.pipeline.process_model import UNWANTED, WANTED, Life, Outcome
from tests.pipeline.world_model import EPOCH, KEY_MAX, LATEST_BY, OVERLAP, History, SteppedLoop, Stored, World
from vcenter_source.core.errors import RetryableError, SessionLostError, VcenterSourceError, VcenterUnavailableError
from vcenter_source.state.checkpoint import REMEMBERED

OBJECTS = st.sampled_from(["a", "b", "c", "d", None])
PAUSES = st.sampled_from([0.0, 0.001, 1.0, 30.0, 59.999, 61.0, 4000.0])
"""Seconds, around the overlap above all."""
LATENESS = st.sampled_from([None, None, 0.001, 1.0, 30.0, LATEST_BY])
EVENTS = st.tuples(st.sampled_from([WANTED, WANTED, WANTED, UNWANTED]), OBJECTS)
KEYS = st.sampled_from([1, 7, 5000, KEY_MAX - 3, -KEY_MAX])
ODD = st.sampled_from(["keys begin anew", "a purge", "a silent collector", "slow answers"])
CLOCK_STEPS = st.sampled_from([-0.5, -5.0, -61.0, -130.0, -4000.0, 5.0, 700.0])
NUMBERS = st.integers(0, 7)
"""Which of several calls."""
SINK = st.sampled_from(["good", "good", "good", "fails", "answer lost", "refused", "turned away"])
STORE = st.sampled_from(["good", "good", "fails", "answer lost", "slow"])
GONE, AWAY = SessionLostError("expired"), VcenterUnavailableError("no answer")
BROKEN = RetryableError("I/O error")
STEP = 0.002
"""Seconds between events of a hidden span, the least that a collector's begin can be told apart by."""
STEPS = st.sampled_from([STEP, 1.0, 40.0])
FEW = 3
"""Named by a checkpoint, so that most of what was acknowledged is known by its time alone."""
PROMPT = 15
"""How many of its calls vCenter answers between two steps."""
CALM = 8
"""Steps between two times at which all goes well."""
REST = 8
"""Empty pages in a row after which nothing more will come."""
ENDLESS = 50_000


class Pipeline(RuleBasedStateMachine):
    """One vCenter, one sink, and one life of the adapter after the other; None while it is down."""

    world: World
    life: Life | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = SteppedLoop()
        self.prompt = PROMPT
        self.steps = 0
        """Since all went well for a while, which leaves little to go wrong."""

    @initialize(
        remembered=st.sampled_from([REMEMBERED, FEW]),
        page_size=st.integers(1, 4),
        shows_late=st.booleans(),
        by_time=st.booleans(),
        key=KEYS,
        backlog=st.lists(st.tuples(OBJECTS, PAUSES), max_size=8),
        start=st.sampled_from([None, None, 0.0, 1.0]),
        window=st.sampled_from([6, 4, 2, 1]),
        ahead=st.sampled_from([1, 8, 30]),
        give_up_after=st.sampled_from([math.inf, 20.0]),
    )
    def begins(
        self,
        *,
        remembered: int,
        page_size: int,
        shows_late: bool,
        by_time: bool,
        key: int,
        backlog: list[tuple[str | None, float]],
        start: float | None,
        window: int,
        ahead: int,
        give_up_after: float,
    ) -> None:
        history = History(page_size, shows_late=shows_late, by_time=by_time, next_key=key)
        since = None if start is None else EPOCH + timedelta(seconds=start)
        self.world = World(history, since, forgets=remembered == FEW)
        options: dict[str, Any] = {"window": window, "ahead": ahead, "give_up_after": give_up_after}
        self.life_of = partial(Life, self.loop, self.world, remembered=remembered, **options)
        self.longest = remembered + max(ahead, 1)
        for about, pause in backlog:
            self.vcenter_stores(pause, [(WANTED, about)], None)
        self.starts()

    # vCenter and its history

    @rule(pause=PAUSES, events=st.lists(EVENTS, min_size=3, max_size=8), lateness=LATENESS)
    def vcenter_stores(self, pause: float, events: list[tuple[str, str | None]], lateness: float | None) -> None:
        """Events of one instant, and maybe one that is dated before them."""
        history = self.world.history
        self.world.seconds += pause
        for class_name, about in events:
            self.world.store(class_name, about, self.world.now)
        created = history.newest - timedelta(seconds=lateness or 0.0)
        if lateness and history.hidden_until + OVERLAP < created:  # else it may stay where no new collector passes
            self.world.store(WANTED, "a", created)

    @precondition(lambda self: self._is_readable(hidden=True, set_back=self.world.disturbed))
    @rule(spans=st.lists(st.tuples(st.integers(1, 7), st.integers(0, 3)), min_size=1, max_size=3), step=STEPS)
    def vcenter_stores_what_this_account_may_not_see(self, spans: list[tuple[int, int]], step: float) -> None:
        for hidden, visible in spans:
            for _ in range(hidden):
                self.world.seconds += step
                self.world.store(WANTED, "a", self.world.now, hidden=True)
                self.world.history.hidden_until = self.world.now
            self.vcenter_stores(step, [(WANTED, "a")] * visible, None)

    @rule(what=ODD, key=KEYS, keep=st.integers(0, 5))
    def vcenter_is_odd(self, what: str, key: int, keep: int) -> None:
        history = self.world.history
        if what == "keys begin anew":
            history.next_key = key
            self.world.disturbed = True
        elif what == "a purge":
            history.purge(keep)
        elif what == "a silent collector":
            history.silence()
        else:
            self.prompt = keep

    @precondition(lambda self: self._is_readable(hidden=self.world.history.hides, set_back=True))
    @rule(seconds=CLOCK_STEPS)
    def vcenter_sets_its_clock(self, seconds: float) -> None:
        """Forward only once a checkpoint tells where it was set back: in between, nobody could tell after a kill."""
        if seconds < 0 or not self.world.unseen:
            self.world.set_clock(seconds)

    @precondition(lambda self: self.life and self.life.asked)
    @rule(why=st.sampled_from([GONE, AWAY]), outcome=st.sampled_from(["fails", "answer lost"]))
    def vcenter_fails(self, why: VcenterSourceError, outcome: Outcome) -> None:
        self.process.answer(self.process.asked, 0, outcome, why)

    def _is_readable(self, *, hidden: bool, set_back: bool) -> bool:
        """Whether collectors can show all: not where a hidden span stands in the way of what is dated before it."""
        return self.world.history.by_time or not (hidden and set_back)

    # The sink, the dead letter, the clock, the store

    @precondition(lambda self: self.life and self.life.delivering)
    @rule(answers=st.lists(st.tuples(NUMBERS, SINK), min_size=1, max_size=4))
    def delivery_goes_on(self, answers: list[tuple[int, Outcome]]) -> None:
        """The sink answers, or the dead letter, or a wait is over."""
        for number, outcome in answers:
            self.process.deliver(number, outcome)

    @precondition(lambda self: self.life and self.life.sends)
    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=8))
    def sink_accepts(self, numbers: list[int]) -> None:
        for number in numbers:
            if self.process.sends:
                self.process.answer(self.process.sends, number)

    @precondition(lambda self: self.life)
    @rule(outcome=STORE)
    def checkpoint_is_saved(self, outcome: Outcome | Literal["slow"]) -> None:
        """Unless another one is still under way: that ends then."""
        if not self.loop.threaded:
            self.process.save()
        if outcome != "slow":
            self.process.answer(self.loop.threaded, 0, outcome, BROKEN)

    # The process

    @precondition(lambda self: self.life and (self.life.delivering or self.steps > CALM / 2))
    @rule(reaching=st.lists(st.booleans(), max_size=8), again=st.booleans())
    def crashes(self, reaching: list[bool], again: bool) -> None:
        outcomes = iter(reaching)
        self.process.crash(lambda: next(outcomes, False))
        self.life = None
        if again:
            self.starts()

    @precondition(lambda self: not self.life)
    @rule()
    def starts(self) -> None:
        self.life = self.life_of()

    @precondition(lambda self: self.steps > CALM)
    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """Every call is answered until nothing is left to do; then nothing may be missing."""
        self.steps, self.prompt = 0, PROMPT
        if self.life is None:
            self.starts()
        history = self.world.history
        if history.latest > self.world.now:  # what is dated later, behind a hidden span, is told by what is newer still
            self._comes_to_rest()
            self.world.ahead += (history.latest - self.world.now).total_seconds()
        if history.hides or not history.shows_its_end():
            self.vcenter_stores(STEP, [(WANTED, "b")], None)  # by something newer, a stuck collector is told
        self._comes_to_rest()
        missing = [s.event.identity for s in self.world.history.ever if self._is_due(s) and not self._is_done(s)]
        assert not missing, f"neither the sink nor the dead letter has {missing}"

    # What holds after every step

    @invariant()
    def vcenter_answers(self) -> None:
        """Between two steps, so that there is something under way when the next one comes."""
        self.steps += 1
        for _ in range(self.prompt if self.life else 0):
            if self.process.asked:
                self.process.answer(self.process.asked)
            elif self.process.pauses:
                self.process.wake(self.process.pauses)

    @invariant()
    def no_failure_ends_the_process(self) -> None:
        for task in self.life.tasks if self.life else ():
            if task.done():
                task.result()

    @invariant()
    def the_kept_checkpoint_covers_nothing_but_what_is_done(self) -> None:
        kept = self.world.kept
        for stored in self.world.history.ever if kept else ():
            if kept and (kept.covers if not self.world.disturbed else kept.acknowledged.__contains__)(
                stored.event.identity
            ):
                assert self._is_done(stored) or not self._is_due(stored), f"{stored} is covered"

    @invariant()
    def the_kept_checkpoint_is_short(self) -> None:
        assert self.world.kept is None or len(self.world.kept.acknowledged) <= self.longest

    @invariant()
    def the_sink_has_each_objects_events_in_order(self) -> None:
        if self.life is None or self.world.repeats:
            return  # what is read once more, further back, comes after what is dated later
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
            self.no_failure_ends_the_process()
            calls = next((calls for calls in (self.loop.threaded, life.sends, life.letters) if calls), None)
            if calls is not None:
                quiet = 0
                life.answer(calls)
            elif life.sleeps or life.pauses:
                life.wake(life.sleeps or life.pauses)
            else:
                quiet += life.idle
                life.answer(life.asked)
            if quiet == REST:
                return
        raise AssertionError("it never comes to rest")

    def _is_done(self, stored: Stored) -> bool:
        return stored.event.identity in self.world.acknowledged

    def _is_due(self, stored: Stored) -> bool:
        """Whether the promise is about it: an event that is wanted and could be read."""
        event = stored.event
        if stored.hidden or event.class_name != WANTED or not self.world.is_asked_for(event.identity):
            return False
        if self.life is not None and event.identity in self.life.taken:
            return True
        if self.world.disturbed and (self.world.history.is_amid_hidden(stored) or self.world.may_be_passed(stored)):
            return False  # where the clock was set back, nothing newer tells of it
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
@pytest.mark.parametrize("histories", [50, pytest.param(500, marks=pytest.mark.guarantees)])
def test_nothing_is_lost_or_overtaken_and_no_checkpoint_runs_ahead(quiet: None, histories: int) -> None:
    run_state_machine_as_test(
        Pipeline,
        # The same histories each time, so that a change is what makes it fail. Others: @seed, or less of derandomize.
        settings=settings(max_examples=histories, stateful_step_count=50, derandomize=True),
    )


def test_what_stands_behind_hidden_events_after_a_set_back_where_nothing_newer_tells_of_it(quiet: None) -> None:
    """The latest events were all read, by a collector that did not show what is dated before its place.

    The next collector begins with a page of hidden events, and falls silent before the event in question.
    """
    state = Pipeline()
    backlog = {"backlog": [("a", 1.0)], "start": None, "key": 1, "remembered": REMEMBERED}
    state.begins(**backlog, page_size=4, shows_late=False, by_time=True, window=2, ahead=8, give_up_after=math.inf)
    try:
        state.all_goes_well_for_a_while()
        state.vcenter_stores(events=[(WANTED, "a")], lateness=None, pause=300.0)
        state.all_goes_well_for_a_while()
        state.vcenter_sets_its_clock(seconds=-130.0)
        state.vcenter_stores_what_this_account_may_not_see(spans=[(4, 1)], step=0.002)
        state.vcenter_stores(events=[(WANTED, "a")] * 4, lateness=None, pause=4000.0)
        state.all_goes_well_for_a_while()
    finally:
        state.teardown()


def test_what_is_dated_before_the_last_event_is_searched_for_too(quiet: None) -> None:
    """vCenter's clock was set back by half a second, which no process notices, and a newer event tells of more."""
    state = Pipeline()
    backlog: dict[str, Any] = {"backlog": [], "start": None, "key": 1, "remembered": REMEMBERED}
    state.begins(**backlog, page_size=1, shows_late=False, by_time=True, window=6, ahead=8, give_up_after=math.inf)
    steps: list[Callable[[], None]] = [
        state.all_goes_well_for_a_while,
        partial(state.vcenter_stores, events=[(WANTED, "a")] * 3, lateness=None, pause=0.0),
        partial(state.delivery_goes_on, answers=[(0, "good")]),
        partial(state.checkpoint_is_saved, outcome="good"),
        partial(state.vcenter_sets_its_clock, seconds=-0.5),
        partial(state.vcenter_stores_what_this_account_may_not_see, spans=[(1, 1)], step=0.002),
        partial(state.crashes, again=False, reaching=[]),
        state.all_goes_well_for_a_while,
    ]
    try:
        for step in steps:
            step()
            state.vcenter_answers()
    finally:
        state.teardown()


PLAIN: dict[str, Any] = {
    "key": 1,
    "remembered": REMEMBERED,
    "page_size": 1,
    "shows_late": True,
    "by_time": False,
    "start": None,
    "window": 1,
    "ahead": 1,
    "give_up_after": math.inf,
}


def go_back_while_nobody_reads(state: Pipeline, *, looked_before: bool, forward: float) -> list[Stored]:
    """Store what is dated 130 s before earlier events, until vCenter's clock has come further. Return the history.

    ``looked_before``: an adapter was there before, whose checkpoint has its look at the clock.
    """
    state.begins(**PLAIN, backlog=[] if looked_before else [("a", 1.0)] * 4)
    if looked_before:
        state.vcenter_stores(1.0, [(WANTED, "a")], None)
        state.all_goes_well_for_a_while()
        state.checkpoint_is_saved("good")
    state.crashes([], again=False)
    if looked_before:
        state.vcenter_sets_its_clock(forward)
        state.vcenter_stores(1.0, [(WANTED, "a")] * 4, None)
    state.vcenter_sets_its_clock(-130.0)
    state.vcenter_stores(1.0, [(WANTED, "b")] * 3, None)
    state.vcenter_stores(4000.0, [(WANTED, "c")] * 3, None)
    state.starts()
    return state.world.history.ever


@pytest.mark.parametrize("looked_before", [True, False])
def test_a_set_back_that_no_look_shows_costs_nothing_if_nothing_interrupts_reading(
    quiet: None, looked_before: bool
) -> None:
    state = Pipeline()
    try:
        stored = go_back_while_nobody_reads(state, looked_before=looked_before, forward=700.0)
        state.all_goes_well_for_a_while()
        assert not [one.event.identity for one in stored if one.event.identity not in state.world.acknowledged]
    finally:
        state.teardown()


@pytest.mark.parametrize(("looked_before", "forward", "seen"), [(True, 0, True), (True, 700, False), (False, 0, False)])
def test_the_model_excuses_only_what_no_look_shows(quiet: None, looked_before: bool, forward: int, seen: bool) -> None:
    state = Pipeline()
    try:
        stored = go_back_while_nobody_reads(state, looked_before=looked_before, forward=forward)
        excused = [one for one in stored if state.world.may_be_passed(one)]
        assert excused == ([] if seen else stored[-6:-3])
    finally:
        state.teardown()
