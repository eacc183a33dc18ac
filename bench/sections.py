"""The measurements, a section each. Runs are interleaved, so that other load on the machine slows all alike."""

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from functools import partial

from bench import adapters, calls, many, stages
from bench.delay import Rhythm, delays
from bench.figures import Results
from bench.functions import EMPTY, find_medians, measure_functions, measure_traced_spans
from bench.processes import simulator
from bench.rooms import profile
from bench.runs import Run, measure_drain, medians, sink
from bench.senders import VIJSON, Adapter, Sender
from bench.spans import fetch_counts, span_receiver
from bench.traced import measure_tracing

OBJECTS = 1000
"""VMs that the events are about, unless it is their number that is measured."""

TOTAL_RATES = (20, 200)
"""Events a second of all vCenters together, however many they are."""

SPREAD = f"--objects={OBJECTS}"

IDLE, STEADY, BURSTS = "one in ten seconds", "ten a second", "bursts of 500"
RHYTHMS = {IDLE: Rhythm(1, 12, 10.0), STEADY: Rhythm(1, 150, 0.1), BURSTS: Rhythm(500, 3, 5.0)}


@dataclass(frozen=True)
class Plan:
    """How much to measure. ``peers`` are measured beside the adapter; ``seconds`` bound a run from its first event on.

    ``traced`` is how many events are drained with their traces. ``repeats`` counts for what is set beside a peer,
    ``fewer`` for the adapter alone.
    """

    peers: tuple[Sender, ...] = ()
    slowest: tuple[Sender, ...] = ()
    repeats: int = 5
    fewer: int = 3
    events: int = 10_000
    traced: int = 30_000
    seconds: float = 4.0
    latencies: tuple[int, ...] = (0, 1, 5, 20)
    histories: tuple[int, ...] = (1000, 10_000, 100_000)
    objects: tuple[int, ...] = (4, 100, 10_000)
    vcenters: tuple[int, ...] = (1, 10, 50)
    rhythms: Mapping[str, Rhythm] = field(default_factory=lambda: RHYTHMS)

    @property
    def senders(self) -> tuple[Sender, ...]:
        """All senders, the adapter first."""
        return (Adapter(), Adapter(VIJSON, {"VCENTER_PROTOCOL": "json"}), *self.peers, *self.slowest)


QUICK = {
    "repeats": 1,
    "fewer": 1,
    "events": 2000,
    "traced": 2000,
    "seconds": 2.0,
    "histories": (1000, 3000),
    "objects": (4, 100),
    "vcenters": (1, 4),
    "rhythms": {IDLE: Rhythm(1, 3, 3.0), STEADY: Rhythm(1, 30, 0.1), BURSTS: Rhythm(500, 1, 1.0)},
}
"""Enough to see that all works; its figures mean little."""

Kinds = Mapping[str, Callable[[], Awaitable[Run]]]


async def run_interleaved(kinds: Kinds, repeats: int) -> dict[str, Results]:
    """Run each kind so many times, in turn; return medians, and the events a second of each round."""
    runs: dict[str, list[Run]] = {name: [] for name in kinds}
    for number in range(repeats):
        for name, kind in kinds.items():
            run = await kind()
            runs[name].append(run)
            say(f"  {number + 1}/{repeats}  {name:<28}{run.rate:>9,.0f} events/s")
    return {
        name: asdict(medians(each)) | extremes([run.rate for run in each]) | find_spread(each)
        for name, each in runs.items()
    }


def extremes(rates: Sequence[float]) -> Results:
    """Return the least and the most, and all in turn."""
    return {"least": min(rates), "most": max(rates), "rates": rates}


def find_spread(runs: Sequence[Run]) -> Results:
    """Return the least and the most of what the pictures show beside rates."""
    figures = {"cpu": [run.cpu for run in runs], "peak": [run.peak for run in runs]}
    return {"spread": {name: [min(values), max(values)] for name, values in figures.items()}}


def say(line: str) -> None:
    """Print progress to standard error."""
    print(line, file=sys.stderr, flush=True)


async def drain(plan: Plan) -> Results:
    """The same backlog through each, at each latency of the sink; and the start, from a history of one event."""
    async with (
        simulator("--backlog=1", SPREAD) as nearly_empty,
        simulator(f"--backlog={plan.events}", SPREAD) as full,
    ):

        def start_run(sender: Sender) -> Callable[[], Awaitable[Run]]:
            return lambda: measure_drain(sender, nearly_empty, 1)

        def drain_run(sender: Sender, latency: int) -> Callable[[], Awaitable[Run]]:
            return lambda: measure_drain(sender, full, plan.events, latency=latency, seconds=plan.seconds)

        kinds = {f"{sender.name}, start": start_run(sender) for sender in plan.senders}
        kinds |= {
            f"{sender.name}, {latency} ms": drain_run(sender, latency)
            for latency in plan.latencies
            for sender in plan.senders
            if latency == plan.latencies[0] or sender not in plan.slowest  # its own clock bounds it, not the sink's
        }
        return await run_interleaved(kinds, plan.repeats)


async def tracing(plan: Plan) -> Results:
    """The adapter with its tracing off, on, and on for one event in ten; whether a trace has a hole; and the peers."""
    async with span_receiver() as receiver, simulator(f"--backlog={plan.traced}", SPREAD) as vcenter:
        on = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver, "OTEL_METRICS_EXPORTER": "none"}
        tenth = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
        variants: dict[str, dict[str, str]] = {"off": {}, "sampled at 10 %": on | tenth, "on": on}
        holes: dict[str, list[int]] = {"on": [], "on, 5 ms": []}

        def kind(name: str, more: Mapping[str, str], latency: int = 0) -> Callable[[], Awaitable[Run]]:
            async def run() -> Run:
                result = await measure_drain(Adapter(name, more), vcenter, plan.traced, latency=latency)
                counts = await fetch_counts(receiver)
                if name in holes:
                    holes[name].append(counts["broken"] + max(0, plan.traced - sum(counts.values())))
                return result

            return run

        def peer(sender: Sender) -> Callable[[], Awaitable[Run]]:
            return lambda: measure_drain(sender, vcenter, plan.traced, seconds=plan.seconds)

        kinds = {name: kind(name, more) for name, more in variants.items()}
        kinds |= {f"{name}, 5 ms": kind(f"{name}, 5 ms", variants[name], latency=5) for name in ("off", "on")}
        kinds |= {sender.name: peer(sender) for sender in plan.peers}
        runs = await run_interleaved(kinds, plan.repeats)
        for name, more in variants.items():
            runs[name] |= {"stage": await measure_tracing(more), "rooms": await profile(vcenter, plan.traced, more)}
        for name, counts in holes.items():
            runs[name]["holes"] = max(counts)
        return runs


async def cost(plan: Plan) -> Results:
    """CPU time and function calls by stage, and what one process can do that reads or posts and nothing else."""
    async with simulator(f"--backlog={plan.events}", SPREAD) as vcenter, sink() as (_, address):
        runs = [await stages.measure_stages(vcenter, address, plan.events // 1000) for _ in range(plan.fewer)]
    middles = stages.medians(runs)
    return middles | {"calls": middles["calls"] | calls.per_event(calls.usual_page())}


async def delay(plan: Plan) -> Results:
    """From event to sink: one now and then, ten a second, and bursts, for which each has the machine to itself."""
    results: Results = {BURSTS: {}}
    for rhythm in (IDLE, STEADY):
        results[rhythm] = await delays(plan.senders, plan.rhythms[rhythm])
        say(f"  {rhythm}: done")
    for sender in (Adapter(), *plan.peers):
        results[BURSTS] |= await delays([sender], plan.rhythms[BURSTS])
        say(f"  {BURSTS}: {sender.name} done")
    return {rhythm: results[rhythm] for rhythm in RHYTHMS}


async def growth(plan: Plan) -> Results:
    """The adapter alone, as the history, the number of objects and the number of types grow."""
    return {
        "history": await measure_growth(plan, ((f"{n:,}", n, [f"--backlog={n}", SPREAD]) for n in plan.histories)),
        "objects": await measure_growth(
            plan, ((f"{n:,}", plan.events, [f"--backlog={plan.events}", f"--objects={n}"]) for n in plan.objects)
        ),
        "calls": calls.growth(),
    }


async def measure_growth(plan: Plan, worlds: Iterable[tuple[str, int, list[str]]]) -> Results:
    """Run the adapter on a simulator for each of these worlds: (name, events, options)."""
    async with AsyncExitStack() as stack:

        def kind(vcenter: str, events: int) -> Callable[[], Awaitable[Run]]:
            return lambda: measure_drain(Adapter(), vcenter, events, seconds=600)

        kinds = {
            name: kind(await stack.enter_async_context(simulator(*options)), events) for name, events, options in worlds
        }
        return await run_interleaved(kinds, plan.fewer)


async def functions(plan: Plan) -> Results:
    """An event through a function that does nothing, and through pytag, untraced and traced."""
    figures: Results = dict(await measure_functions(plan.events // 5, plan.fewer))
    for name, spans in (await measure_traced_spans()).items():
        figures[EMPTY + name]["spans"] = spans
    return figures


Measure = Callable[[], Awaitable[many.Figures]]


async def vcenters(plan: Plan) -> Results:
    """Many vCenters in one adapter, one's backlog beside another, and two adapters that share vCenters."""
    events, seconds = 5 * plan.events, 2 * plan.seconds
    kinds: dict[str, Measure] = {}
    for count in plan.vcenters:
        kinds |= {
            f"start {count}": partial(many.measure_backlog, count, 0),
            f"backlog {count}": partial(many.measure_backlog, count, events),
            f"waiting {count}": partial(many.measure_waiting, count, 2 * events, seconds),
            f"idle {count}": partial(many.measure_rate, count, 0, seconds),
        }
        kinds |= {f"{rate} a second {count}": partial(many.measure_rate, count, rate, seconds) for rate in TOTAL_RATES}
    kinds |= {
        "alone": partial(many.measure_fairness, 1, seconds),
        "beside a backlog": partial(many.measure_fairness, 10 * plan.events, seconds),
    }
    for cores in (None, adapters.LIMIT) if adapters.may_limit_cpu() else (None,):
        limit = "" if cores is None else f", {cores:g} cores each"
        kinds |= {f"{n} adapters{limit}": partial(adapters.measure_sharing, n, 2 * plan.events, cores) for n in (1, 2)}
    return await measure_rounds(kinds, plan.fewer)


async def measure_rounds(kinds: Mapping[str, Measure], repeats: int) -> Results:
    """Measure each kind so many times, in turn; return the medians."""
    rounds: list[dict[str, many.Figures]] = []
    for number in range(repeats):
        rounds.append({})
        for name, measure in kinds.items():
            rounds[-1][name] = await measure()
            say(f"  {number + 1}/{repeats}  {name}")
    return {name: find_medians([each[name] for each in rounds]) for name in kinds}


SECTIONS: dict[str, Callable[[Plan], Awaitable[Results]]] = {
    "drain": drain,
    "tracing": tracing,
    "cost": cost,
    "delay": delay,
    "growth": growth,
    "functions": functions,
    "many": vcenters,
}
