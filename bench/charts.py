"""The results as pictures: plain horizontal bars in SVG, written by hand rather than with a plotting library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.figures import Results, cpu_per_event, senders
from bench.goals import number
from bench.senders import VIJSON

SERIES = {"adapter": "a", VIJSON: "j", "VSphereSource": "v", "event router": "r"}
"""The class of each sender's bars."""

STYLE = """<style>
.back{fill:#ffffff}.text{fill:#1f2328}.note{fill:#59636e}.spread{stroke:#1f2328;stroke-width:1.5}
.a{fill:#2563eb}.j{fill:#0d9488}.v{fill:#d97706}.r{fill:#6b7280}
@media (prefers-color-scheme:dark){
.back{fill:#0d1117}.text{fill:#f0f6fc}.note{fill:#9198a1}.spread{stroke:#f0f6fc}
.a{fill:#4493f8}.j{fill:#2dd4bf}.v{fill:#e3a008}.r{fill:#8b949e}
}
</style>"""
"""The colours, on a light page and on a dark one."""

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 190, 200, 18, 12, 62
MORE, LESS = "more is better", "less is better"


@dataclass(frozen=True)
class Bar:
    """One bar. ``group`` is what stands left of the first of several; ``spread`` the least and the most of all runs."""

    group: str
    name: str
    value: float
    spread: tuple[float, float] | None = None

    @property
    def longest(self) -> float:
        """The value where the bar, or its spread, ends."""
        return max(self.value, self.spread[1]) if self.spread else self.value


def draw(results: Results, folder: Path) -> None:
    """Draw all pictures."""
    folder.mkdir(exist_ok=True)
    pictures = {
        "drain": ("Backlog drained, events a second, by the sink's latency", MORE, drain_bars(results)),
        "cost": ("CPU, seconds per 1,000 events", LESS, cost_bars(results)),
        "delay": ("Event to sink, 99th percentile, milliseconds", LESS, delay_bars(results)),
        "growth": ("Peak memory of the adapter, MiB, by events waiting", LESS, growth_bars(results)),
    }
    for name, (title, better, bars) in pictures.items():
        (folder / f"{name}.svg").write_text(picture(title, better, list(bars)))


def drain_bars(results: Results) -> Iterator[Bar]:
    """Yield a group of bars for each latency."""
    for name, run in results["drain"].items():
        sender, _, latency = name.rpartition(", ")
        if latency != "start":
            yield Bar(latency, sender, run["rate"], (run["least"], run["most"]))


def cost_bars(results: Results) -> Iterator[Bar]:
    """Yield a bar for each stage, and for each sender as a whole."""
    for name, value in results["cost"]["stages"].items():
        yield Bar(name, "adapter", value)
    for sender in senders(results):
        yield Bar("whole", sender, cpu_per_event(results, sender), cpu_spread(results, sender))


def delay_bars(results: Results) -> Iterator[Bar]:
    """Yield a group of bars for each rhythm."""
    for rhythm, runs in results["delay"].items():
        for sender, run in runs.items():
            yield Bar(rhythm, sender, run["p99"] * 1000)


def growth_bars(results: Results) -> Iterator[Bar]:
    """Yield a bar for each length of the history."""
    for name, run in results["growth"]["history"].items():
        yield Bar(name, "adapter", run["peak"], find_spread(run, "peak"))


def find_spread(run: Results, figure: str) -> tuple[float, float] | None:
    """Return the least and the most of a figure; None in results that do not have them."""
    least, most = run.get("spread", {}).get(figure, (None, None))
    return None if least is None else (least, most)


def cpu_spread(results: Results, sender: str) -> tuple[float, float] | None:
    """Return the least and the most CPU of an event; None in results that do not have them."""
    if (found := find_spread(results["drain"][f"{sender}, 0 ms"], "cpu")) is None:
        return None
    return cpu_per_event(results, sender, found[0]), cpu_per_event(results, sender, found[1])


def picture(title: str, better: str, bars: Sequence[Bar]) -> str:
    """Return the SVG. It brings its own background, light or dark as the page's reader prefers."""
    scale = (WIDTH - LEFT - RIGHT) / max(bar.longest for bar in bars)
    y, group, body = TOP, "", []
    for bar in bars:
        if bar.group != group:
            y += GAP
            body.append(text(LEFT - 10, y + BAR - 5, bar.group, "end"))
            group = bar.group
        body += draw_bar(bar, y, scale)
        y += BAR
    size = f'viewBox="0 0 {WIDTH} {y + 40}" width="{WIDTH}" height="{y + 40}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
    background = '<rect class="back" width="100%" height="100%"/>'
    heading = [text(16, 28, title, weight="bold"), text(16, 48, describe(better, bars), kind="note")]
    return "\n".join([head, STYLE, background, *heading, *body, *legend(bars, y + 26), "</svg>\n"])


def describe(better: str, bars: Sequence[Bar]) -> str:
    """Say how to read a picture."""
    return f"{better}; the line is from least to most" if any(bar.spread for bar in bars) else better


def draw_bar(bar: Bar, y: float, scale: float) -> Iterator[str]:
    """Yield a bar, the line of its spread, and its numbers."""
    kind, length = SERIES.get(bar.name, SERIES["adapter"]), max(bar.value * scale, 1)
    yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 3}"/>'
    words, end = number(bar.value), LEFT + max(bar.longest * scale, 1) + 6
    yield text(end, y + BAR - 5, words)
    if bar.spread:
        least, most = (LEFT + value * scale for value in bar.spread)
        middle = y + (BAR - 3) / 2
        ends = "".join(f"M{x:.1f} {middle - 4:.1f}v8" for x in (least, most))
        yield f'<path class="spread" d="M{least:.1f} {middle:.1f}H{most:.1f}{ends}"/>'
        yield text(end + 8 * len(words) + 6, y + BAR - 5, " to ".join(map(number, bar.spread)), kind="note")


def legend(bars: Sequence[Bar], y: float) -> Iterator[str]:
    """Yield the legend: the senders in the picture."""
    for number_, name in enumerate(dict.fromkeys(bar.name for bar in bars)):
        x = LEFT + 150 * number_
        yield f'<rect class="{SERIES[name]}" x="{x}" y="{y - 11}" width="12" height="12"/>'
        yield text(x + 18, y, name)


def text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal", kind: str = "text") -> str:  # noqa: PLR0913, PLR0917  what SVG has
    """Return a text element."""
    place = f'class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place}>{escape(words)}</text>"
