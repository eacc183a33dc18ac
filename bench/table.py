"""Compare several ways with the first one, within each round: a busy machine slows all of them."""

import os
from statistics import median
from typing import Any


def compare(rounds: list[dict[str, dict[str, Any]]], first: str) -> str:
    """Return the medians of the rates, and of their ratio to the first one's in the same round."""
    lines = [f"| way | events/s | of {first} | least to most | adapter's CPU, s per 1,000 |", "|---|---|---|---|---|"]
    for name in rounds[0]:
        runs = [each[name] for each in rounds]
        parts = [each[name]["rate"] / each[first]["rate"] for each in rounds]
        cpu = median(1000 * (run["cpu"] - run["cpu_first"]) / run["events"] for run in runs)
        rate = median(run["rate"] for run in runs)
        spread = f"{min(parts):.0%} to {max(parts):.0%}"
        lines.append(f"| {name} | {rate:,.0f} | {median(parts):.0%} | {spread} | {cpu:.3f} |")
    return "\n".join([*lines, "", f"{os.cpu_count()} cores, shared with the simulator and the sink."])
