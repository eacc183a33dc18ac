"""The judge of what came through: what is lost, out of order, or there twice."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.guarantees.sink import GAP_TYPE, Request

Identity = tuple[int, datetime]


def identity(request: Request) -> Identity:
    return int(request.id), datetime.fromisoformat(request.time)


@dataclass(frozen=True)
class Verdict:
    """What the sink saw of what the simulator held.

    ``lost`` was due, and neither acknowledged nor is it a dead letter. ``foreign`` was never held. ``duplicates`` are
    the acknowledgements of an event after its first. ``disordered`` are the events that were acknowledged for the first
    time after a later one of their object. ``gaps`` are the reasons of the events that tell of missing ones, in their
    order.
    """

    due: int
    lost: list[Identity]
    foreign: list[Identity]
    duplicates: int
    disordered: list[Identity]
    gaps: list[str]
    requests: list[Request]


def judge(
    due: Sequence[Identity], held: Sequence[Identity], requests: list[Request], letters: Collection[Identity]
) -> Verdict:
    """``due`` is what should have arrived by now, ``held`` also what came since."""
    acknowledged = [each for each in requests if 200 <= each.status < 300]
    events = [each for each in acknowledged if each.type != GAP_TYPE]
    times = Counter(map(identity, events))
    gaps = [str(each.gap["reason"]) for each in acknowledged if each.gap]
    return Verdict(
        len(due),
        [each for each in due if each not in times and each not in letters],
        sorted(times.keys() - held),
        sum(times.values()) - len(times),
        list(out_of_order(held, events)),
        gaps,
        requests,
    )


def out_of_order(held: Sequence[Identity], events: Sequence[Request]) -> Iterator[Identity]:
    """The events whose first acknowledgement came after that of a later one of the same object."""
    places = {each: place for place, each in enumerate(held)}
    seen: set[Identity] = set()
    furthest: dict[str, int] = defaultdict(int)
    for event in events:
        one = identity(event)
        if one not in seen:
            seen.add(one)
            place = places.get(one, -1)
            if place < furthest[event.partitionkey]:
                yield one
            furthest[event.partitionkey] = max(furthest[event.partitionkey], place)


def prove(verdict: Verdict, *, duplicates: int, gaps: Sequence[str] = ()) -> None:
    """Nothing lost, all in order, at most so many duplicates, and no gaps told of but these. Prints the figures."""
    figures = f"{verdict.due} events, {verdict.duplicates} duplicates (at most {duplicates} allowed)"
    print(f"\n{figures}")  # noqa: T201  pytest shows it with -s, or beside a failure
    assert verdict.lost == []
    assert verdict.foreign == []
    assert verdict.disordered == []
    assert verdict.duplicates <= duplicates
    assert verdict.gaps == list(gaps)
