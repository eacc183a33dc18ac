"""The results as Markdown."""

from collections.abc import Callable, Iterable, Sequence

from bench.figures import Results, compare_rounds, cpu_of_event, cpu_per_event, senders, slopes, vcenters
from bench.functions import EMPTY
from bench.goals import GOALS, number

INTRODUCTION = """\
# What it costs

Written by `make bench`; do not edit. With the peers beside it:
`make bench PEER_VSPHERESOURCE=path/to/adapter PEER_EVENT_ROUTER=path/to/vmware-event-router`.

Every sender is a process of its own with its own defaults, between the same simulated vCenter (`simulator/`) and
the same sink (`bench/sink.py`, another process), on one machine and over loopback. Runs are interleaved (A B A B …)
and the figures are medians of {repeats}, of {fewer} where no peer stands beside. **Only ratios mean anything**: the
seconds are those of one machine on one day ({cores} cores, Python {python}, load {load:.1f} at the most, {minutes:.0f}
minutes in all), whose cores the simulator, the sink and the sender share.
"""

READING = """\
Rates are counted from the first event at the sink on, so without the start. The sink answers up to a millisecond
later than its latency says. VSphereSource sends JSON here; its default is XML. The event router reads 100 events a
second by its own clock. Where events are few, the 99th percentile of their delays is the slowest of them.
"""

WORTH_A_ROW = 0.03
"""The share of the time that a room takes at least in one of the profiles."""

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table; all columns but the first are right-aligned, unless they hold text."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def goals(results: Results) -> str:
    """Return the promises that these results can prove, and whether they hold."""
    rows = [row for goal in GOALS if (row := goal.row(results)) is not None]
    return table(["it must show", "measured", "", "measure again"], rows) if rows else ""


def drain(results: Results) -> str:
    """Return the tables of start and backlog."""
    starts, rows = [], []
    for name, run in results["drain"].items():
        sender, _, what = name.rpartition(", ")
        if what == "start":
            starts.append([sender, number(run["wall_first"]), number(run["cpu_first"])])
            continue
        ours = results["drain"][f"adapter, {what}"]
        spread, share = f"{run['least']:,.0f} to {run['most']:,.0f}", f"{run['sink_cpu'] / run['cpu']:.0%}"
        rows.append([sender, what, number(run["rate"]), spread, number(ours["rate"] / run["rate"], "x"), share])
    head = ["backlog drained", "sink's latency", "events/s", "least to most", "adapter is", "sink's CPU / sender's"]
    return table(head, rows) + "\n" + table(["process start to first event", "seconds", "CPU seconds"], starts)


def tracing(results: Results) -> str:
    """Return the tables with tracing and without."""
    runs = results["tracing"]
    rows = []
    for name, run in runs.items():
        cpu = (run["cpu"] - run["cpu_first"]) / run["events"] * 1000
        stage = [number(run["stage"][key]) if "stage" in run else "" for key in ("cpu_ms", "calls")]
        share = f"{compare_rounds(results, name, 'off'):.0%}"
        rows.append([name, number(run["rate"]), share, number(cpu), *stage])
    head = ["tracing", "events/s", "of it without", "CPU s per 1,000 events", "of it spans", "function calls for these"]
    told = "".join(
        f"Of {run['events']:,.0f} events traced in a run “{name}”, {run['holes']:,} have no whole trace.\n\n"
        for name, run in runs.items()
        if "holes" in run
    )
    return table(head, rows) + "\n" + told + rooms(runs)


def rooms(runs: Results) -> str:
    """Return the table of the event loop's time, by package."""
    shares = {name: run["rooms"] for name, run in runs.items() if "rooms" in run}
    names = dict.fromkeys(room for each in shares.values() for room, share in each.items() if share >= WORTH_A_ROW)
    rows = [[name, *(f"{each.get(name, 0):.0%}" for each in shares.values())] for name in names]
    return table(["share of the event loop's time, tracing is", *shares], rows)


LIMITS = {
    "pages read, not decoded": "fetch",
    "ready bytes posted, epoll": "epoll",
    "ready bytes posted, asyncio": "asyncio",
    "ready bytes posted, aiohttp": "aiohttp",
    "events decoded, converted, encoded and posted by asyncio": "bound",
    "the same, with the adapter's garbage collection": "relaxed",
}


def cost(results: Results) -> str:
    """Return the tables by stage, and of the limits."""
    figures = results["cost"]
    counted = {name: number(count) for name, count in figures["calls"].items()}
    rows = [[name, number(ms), counted.get(name, "")] for name, ms in figures["stages"].items()]
    if "drain" in results:
        rest = cpu_per_event(results, "adapter") - sum(figures["stages"].values())
        rows.append(["the rest: order, window, acknowledgement, metrics, checkpoint", number(rest), ""])
        rows += [[f"**{sender}, whole**", number(cpu_per_event(results, sender)), ""] for sender in senders(results)]
    limits = [[name, number(figures[key]["rate"]), number(figures[key]["cpu_ms"])] for name, key in LIMITS.items()]
    return "\n".join(
        (
            table(["stage", "CPU s per 1,000 events", "function calls an event"], rows),
            table(["the limit, in one process", "events/s", "CPU s per 1,000 events"], limits),
        )
    )


def delay(results: Results) -> str:
    """Return the table of delays from event to sink."""
    rows = [
        [rhythm, name, *(number(each[key] * 1000) for key in ("p50", "p99"))]
        for rhythm, senders in results["delay"].items()
        for name, each in senders.items()
    ]
    return table(["event to sink", "", "p50, ms", "p99, ms"], rows)


def growth(results: Results) -> str:
    """Return the tables of growth."""
    figures = results["growth"]
    costs = ["", *map(number, slopes(results))]
    history = [
        [name, number(run["rate"]), each, number(run["peak"])]
        for (name, run), each in zip(figures["history"].items(), costs, strict=True)
    ]
    objects = [
        [name, number(run["rate"]), number(run["cpu"]), number(run["peak"])] for name, run in figures["objects"].items()
    ]
    counts = [[name, number(each)] for name, each in figures["calls"].items()]
    return "\n".join(
        (
            table(["events in the history", "events/s", "CPU s per 1,000 events more", "peak, MiB"], history),
            table(["objects that events are about", "events/s", "CPU s", "peak, MiB"], objects),
            table(["events of", "function calls an event"], counts),
        )
    )


def functions(results: Results) -> str:
    """Return the tables of functions, and of their spans."""
    figures = results["functions"]
    rows = [
        [
            name,
            *(number(each["rate"]), number(each["p50"] * 1000), number(each["p99"] * 1000)),
            *(number(each["cpu_ms"]), number(each["cpu_ms"] / figures[EMPTY]["cpu_ms"], "x")),
        ]
        for name, each in figures.items()
    ]
    head = ["an event through", "events/s", "p50, ms", "p99, ms", "CPU s per 1,000 events", "of an empty handler"]
    spans = {name: each["spans"] for name, each in figures.items() if "spans" in each}
    return f"{table(head, rows)}\n{function_spans(spans)}"


def function_spans(spans: Results) -> str:
    """Return the table of what tracing takes of an event, and of each call to vCenter."""
    rows = [
        [name.removeprefix(f"{EMPTY}, ") if name != EMPTY else "untraced"]
        + [number(each[part][key]) for part in ("event", "call") for key in ("cpu_ms", "calls")]
        for name, each in spans.items()
    ]
    head = ["spans of", "an event: CPU s per 1,000", "function calls", "a call to vCenter: CPU s per 1,000"]
    return table([*head, "function calls"], rows)


def many(results: Results) -> str:
    """Return the tables of many vCenters."""
    return "\n".join((many_in_one(results), beside_a_backlog(results), several_adapters(results)))


def many_in_one(results: Results) -> str:
    """Return the table of many vCenters in one adapter."""
    figures, rows = results["many"], []
    for count in vcenters(results):
        cpu = [cpu_of_event(results, kind, count) for kind in ("backlog", "20 a second", "200 a second")]
        peaks = [figures[f"{kind} {count}"]["peak"] for kind in ("idle", "backlog", "waiting")]
        start, idle = figures[f"start {count}"]["cpu"], figures[f"idle {count}"]["cpu"] * 100
        rows.append([str(count), *map(number, (*cpu, start, idle, *peaks))])
    head = [
        "vCenters in one adapter",
        "CPU s per 1,000 events of a backlog",
        "of 20 a second",
        "of 200 a second",
        "CPU s of the start",
    ]
    return table([*head, "% of a core, idle", "peak, MiB, idle", "drained", "sink slow"], rows)


def beside_a_backlog(results: Results) -> str:
    """Return the table of one vCenter's events beside another's."""
    rows = [
        [name, number(each["p50"] * 1000), number(each["p99"] * 1000), number(each["rate"])]
        for name, each in results["many"].items()
        if "p50" in each
    ]
    return table(["20 events a second of a vCenter", "p50, ms", "p99, ms", "events/s in all"], rows)


def several_adapters(results: Results) -> str:
    """Return the table of adapters that share vCenters."""
    rows = []
    for name, each in results["many"].items():
        if "adapters" in name:
            cores = [number(each[key] / each["seconds"]) for key in ("cpu", "sink", "vcenters")]
            rows.append(
                [name, number(each["events"] / each["seconds"]), *cores, number(1000 * each["cpu"] / each["events"])]
            )
    head = ["eight vCenters, sink at 5 ms", "events/s", "cores of the adapters", "of the sink", "of the vCenters"]
    return table([*head, "adapters' CPU s per 1,000 events"], rows)


SECTIONS: dict[str, tuple[str, Callable[[Results], str]]] = {
    "drain": ("Start, and backlog", drain),
    "tracing": ("Tracing", tracing),
    "cost": ("Where the time goes", cost),
    "delay": ("From event to sink", delay),
    "growth": ("Growth", growth),
    "functions": ("Functions", functions),
    "many": ("Many vCenters", many),
}


def tables(results: Results) -> str:
    """Return a table for each section that was measured, and the promises."""
    measured = [write(results) for name, (_, write) in SECTIONS.items() if name in results]
    return "\n".join([*measured, goals(results)])


def whole(results: Results) -> str:
    """Return RESULTS.md."""
    parts = [INTRODUCTION.format(**results["made"]), "## What it must show\n", goals(results), READING]
    for name, (title, write) in SECTIONS.items():
        if name not in results:
            continue
        parts += [f"## {title}\n", f"`make bench ONLY={name}`\n", write(results)]
        if name in PLOTS:
            parts.append(f"![{title}](plots/{name}.svg)\n")
    return "\n".join(parts)


PLOTS = ("drain", "cost", "delay", "growth")
"""The sections that bench.charts draws."""
