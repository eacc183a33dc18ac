"""The results as pictures: plain horizontal bars in SVG, written by hand rather than with a plotting library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bench.figures import cpu_per_event, senders
from bench.goals import number

Results = dict[str, Any]

COLOURS = {"adapter": "#2563eb", "VSphereSource": "#d97706", "event router": "#6b7280"}
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 190, 110, 18, 12, 44


@dataclass(frozen=True)
class Bar:
    """One bar. ``group`` is what stands left of the first of several."""

    group: str
    name: str
    value: float

    @property
    def colour(self) -> str:
        """The sender's colour."""
        return COLOURS.get(self.name, COLOURS["adapter"])


def draw(results: Results, folder: Path) -> None:
    """Draw all pictures."""
    folder.mkdir(exist_ok=True)
    pictures = {
        "drain": ("Backlog drained, events a second, by the sink's latency", drain_bars(results)),
        "cost": ("CPU, seconds per 1,000 events", cost_bars(results)),
        "delay": ("Event to sink, 99th percentile, milliseconds", delay_bars(results)),
        "growth": ("Peak memory of the adapter, MiB, by events waiting", growth_bars(results)),
    }
    for name, (title, bars) in pictures.items():
        (folder / f"{name}.svg").write_text(picture(title, list(bars)))


def drain_bars(results: Results) -> Iterator[Bar]:
    """Yield a group of bars for each latency."""
    for name, run in results["drain"].items():
        sender, _, latency = name.rpartition(", ")
        if latency != "start":
            yield Bar(latency, sender, run["rate"])


def cost_bars(results: Results) -> Iterator[Bar]:
    """Yield a bar for each stage, and for each sender as a whole."""
    for name, value in results["cost"]["stages"].items():
        yield Bar(name, "adapter", value)
    for sender in senders(results):
        yield Bar("whole", sender, cpu_per_event(results, sender))


def delay_bars(results: Results) -> Iterator[Bar]:
    """Yield a group of bars for each rhythm."""
    for rhythm, runs in results["delay"].items():
        for sender, run in runs.items():
            yield Bar(rhythm, sender, run["p99"] * 1000)


def growth_bars(results: Results) -> Iterator[Bar]:
    """Yield a bar for each length of the history."""
    for name, run in results["growth"]["history"].items():
        yield Bar(name, "adapter", run["peak"])


def picture(title: str, bars: Sequence[Bar]) -> str:
    """Return the SVG. It brings its own background, since a page may be dark."""
    scale = (WIDTH - LEFT - RIGHT) / max(bar.value for bar in bars)
    y, group, body = TOP, "", []
    for bar in bars:
        if bar.group != group:
            y += GAP
            body.append(text(LEFT - 10, y + BAR - 5, bar.group, "end"))
            group = bar.group
        length = max(bar.value * scale, 1)
        body.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 3}" fill="{bar.colour}"/>')
        body.append(text(LEFT + length + 6, y + BAR - 5, number(bar.value)))
        y += BAR
    size = f'width="{WIDTH}" height="{y + 40}" font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    background = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, background, text(16, 28, title, weight="bold"), *body, *legend(bars, y + 26), "</svg>\n"])


def legend(bars: Sequence[Bar], y: float) -> Iterator[str]:
    """Yield the legend: the senders in the picture."""
    for number_, name in enumerate(dict.fromkeys(bar.name for bar in bars)):
        x = LEFT + 150 * number_
        yield f'<rect x="{x}" y="{y - 11}" width="12" height="12" fill="{COLOURS[name]}"/>'
        yield text(x + 18, y, name)


def text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> str:
    """Return a text element, dark on the picture's white."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#111827"'
    return f"<text {place}>{escape(words)}</text>"
