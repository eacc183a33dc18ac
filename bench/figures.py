"""The figures that promises and tables are made of, from the results."""

from itertools import pairwise
from statistics import median
from typing import Any

from bench.functions import PYTAG

Results = dict[str, Any]


def rate(results: Results, sender: str, latency: int) -> float:
    """Return the events a second of a drained backlog."""
    return float(results["drain"][f"{sender}, {latency} ms"]["rate"])


def senders(results: Results) -> list[str]:
    """Return the measured senders, the adapter first."""
    return [name.removesuffix(", start") for name in results["drain"] if name.endswith(", start")]


def cpu_per_event(results: Results, sender: str, cpu: float | None = None) -> float:
    """Return the CPU milliseconds an event takes at 0 ms, without the start; ``cpu`` is another run's, in seconds."""
    run, start = (results["drain"][f"{sender}, {what}"] for what in ("0 ms", "start"))
    return float((run["cpu"] if cpu is None else cpu) - start["cpu"]) / float(run["events"]) * 1000


def slopes(results: Results) -> list[float]:
    """Return the CPU milliseconds an event takes between one length of the history and the next."""
    pairs = pairwise(results["growth"]["history"].values())
    return [(b["cpu"] - a["cpu"]) / (b["events"] - a["events"]) * 1000 for a, b in pairs]


def rise(values: list[float]) -> float:
    """Return the rise from the first to the last, in percent."""
    return (values[-1] / values[0] - 1) * 100


def peaks(results: Results) -> list[float]:
    """Return the peak memory by the length of the history, in MiB."""
    return [run["peak"] for run in results["growth"]["history"].values()]


def compare_rounds(results: Results, name: str, other: str) -> float:
    """Return how many times as fast one way to trace is as another: the median of the rounds.

    Within a round, the machine's speed changes less than from one to the next.
    """
    runs = results["tracing"]
    pairs = zip(runs[name]["rates"], runs[other]["rates"], strict=True)
    return float(median(one / two for one, two in pairs))


def count_holes(results: Results) -> float:
    """Return how many events of a run had no whole trace, in the worst run of all."""
    return float(max(results["tracing"][name]["holes"] for name in ("on", "on, 5 ms")))


def idle(results: Results, sender: str) -> float:
    """Return the 99th percentile from event to sink, at one event each ten seconds."""
    return float(results["delay"]["one in ten seconds"][sender]["p99"])


def vcenters(results: Results) -> list[int]:
    """Return how many vCenters one adapter read, the fewest first."""
    return sorted(int(name.removeprefix("backlog ")) for name in results["many"] if name.startswith("backlog "))


def cpu_of_event(results: Results, kind: str, count: int) -> float:
    """Return the CPU milliseconds an event takes with so many vCenters, without the start."""
    figures = dict(results["many"][f"{kind} {count}"])
    if kind == "backlog":
        figures = {name: figures[name] - results["many"][f"start {count}"].get(name, 0) for name in ("cpu", "events")}
    return float(figures["cpu"] / figures["events"] * 1000)


def rise_of_event(results: Results, kind: str) -> float:
    """Return how much more CPU an event takes with the most vCenters than with one, in percent."""
    return rise([cpu_of_event(results, kind, count) for count in vcenters(results)])


def memory_each(results: Results, kind: str) -> float:
    """Return the MiB that each vCenter beyond the first takes, with the most of them."""
    counts = vcenters(results)
    first, most = (float(results["many"][f"{kind} {count}"]["peak"]) for count in (counts[0], counts[-1]))
    return (most - first) / (counts[-1] - counts[0])


def compare_adapters(results: Results, limit: str = "") -> float:
    """Return how many times as fast two adapters drain a backlog as one."""
    one, two = (results["many"][f"{count} adapters{limit}"] for count in (1, 2))
    return float(two["events"] / two["seconds"] / one["events"] * one["seconds"])


def compare_cpu(results: Results) -> float:
    """Return how many times as fast two adapters would be as one if each found as much CPU as that one."""
    one, two = (results["many"][f"{count} adapters"] for count in (1, 2))
    return float(2 * one["cpu"] / one["events"] / two["cpu"] * two["events"])


def compare_traced(results: Results, traced: str) -> float:
    """Return how much more CPU an event takes through a pytag that is traced, in percent."""
    figures = results["functions"]
    return rise([float(figures[f"{PYTAG}{name}"]["cpu_ms"]) for name in ("", traced)])
