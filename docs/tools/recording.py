"""``python -m docs.tools.recording``: run `make demo` on a terminal, and draw what it shows as a film in one SVG.

What comes faster than it can be read is slowed down. With reduced motion, the end of it stands still.
"""

import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from html import escape
from pathlib import Path

from rich.style import Style
from rich.text import Text

TARGET = Path(__file__).parents[1] / "pictures" / "demo.svg"
COMMAND, SHOWN = [sys.executable, "-m", "demo"], "$ make demo"
COLUMNS, ROWS = 120, 28
LETTER, LINE, MARGIN = 7.8, 18, 14
LEAST, MOST, AT_THE_END = 0.15, 1.5, 8.0
"""Seconds between two lines, at least and at most, and how long the last one stays."""

COLOURS = {1: "#ff7b72", 2: "#3fb950", 3: "#d29922", 5: "#bc8cff", 6: "#39c5cf"}
"""Those of a terminal, by their numbers."""
LOOK = """.l{fill:#e6edf3;white-space:pre;
font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.bold{font-weight:700}.dim{fill:#8b949e}.italic{font-style:italic}"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a terminal with its colours, and after how many seconds it was there."""

    at: float
    text: str


def record(command: Sequence[str]) -> list[Line]:
    """Run a command on a terminal; return its lines. Raises CalledProcessError where it fails."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
    begun, lines, rest = time.monotonic(), list[Line](), b""
    with subprocess.Popen(command, stdout=theirs, env=environment | {"TERM": "xterm"}) as process:
        os.close(theirs)
        with suppress(OSError):  # so Linux says that the other end is gone
            while chunk := os.read(ours, 65536):
                *whole, rest = (rest + chunk).split(b"\n")
                lines += [Line(time.monotonic() - begun, clean(each.decode())) for each in whole]
    os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return lines


def clean(line: str) -> str:
    """Return what is left of a line after all that overwrote it."""
    return line.rstrip("\r").rpartition("\x1b[2K")[2].rpartition("\r")[2].replace("\x1b[?25h", "")


def pace(lines: Sequence[Line]) -> list[Line]:
    """Return the lines at times at which they can be read."""
    paced, before, now = list[Line](), 0.0, 0.0
    for line in lines:
        now += min(max(line.at - before, LEAST), MOST)
        before = line.at
        paced.append(Line(now, line.text))
    return paced


def draw(lines: Sequence[Line]) -> str:
    """Return the film. Its lines come one by one, scroll, and begin anew after the last."""
    total = lines[-1].at + AT_THE_END
    width, height = COLUMNS * LETTER + 2 * MARGIN, ROWS * LINE + 2 * MARGIN
    end = scroll(len(lines) - 1)
    style = [LOOK, *(f".c{number}{{fill:{value}}}" for number, value in COLOURS.items()), *animate(lines, total)]
    style.append(
        f"@media (prefers-reduced-motion:reduce){{.l,#all{{animation:none}}#all{{transform:translateY({end}px)}}}}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" role="img" aria-labelledby="t">',
            '<title id="t">make demo: a resource pool is created, and a second later it has its tag</title>',
            f"<style>{''.join(style)}</style>",
            f'<rect width="{width:g}" height="{height}" rx="8" fill="#0d1117" stroke="#30363d"/>',
            f'<clipPath id="c"><rect y="{MARGIN}" width="{width:g}" height="{ROWS * LINE}"/></clipPath>',
            '<g clip-path="url(#c)"><g id="all">',
            *(draw_line(number, line.text) for number, line in enumerate(lines)),
            "</g></g></svg>\n",
        ]
    )


def animate(lines: Sequence[Line], total: float) -> Iterator[str]:
    """Yield the rules by which lines appear, and by which all scroll; each at its part of ``total`` seconds."""
    yield f".l,#all{{animation:{total:.1f}s step-end infinite}}#all{{animation-name:all}}"
    steps = ["0%{transform:translateY(0)}"]
    for number, line in enumerate(lines):
        part = f"{line.at / total:.2%}"
        yield f"#l{number}{{animation-name:k{number}}}@keyframes k{number}{{0%{{opacity:0}}{part},to{{opacity:1}}}}"
        if scroll(number):
            steps.append(f"{part}{{transform:translateY({scroll(number)}px)}}")
    yield f"@keyframes all{{{''.join(steps)}}}"


def scroll(number: int) -> int:
    """Return how far all lines have moved when this one is the last, in pixels."""
    return min(ROWS - 1 - number, 0) * LINE


def draw_line(number: int, text: str) -> str:
    """Return a line, each piece in its style; its length does not depend on the font."""
    parsed = Text.from_ansi(text)
    place = f'x="{MARGIN}" y="{MARGIN + LINE * number + 13}" textLength="{max(len(parsed.plain), 1) * LETTER:.1f}"'
    pieces = (
        f'<tspan class="{name}">{escape(piece)}</tspan>' if name else escape(piece) for piece, name in split(parsed)
    )
    return f'<text class="l" id="l{number}" {place}>{"".join(pieces)}</text>'


def split(text: Text) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a line, and the classes of each."""
    end = 0
    for span in sorted(text.spans):
        yield text.plain[end : span.start], ""
        yield text.plain[span.start : span.end], classes(span.style)
        end = span.end
    yield text.plain[end:], ""


def classes(style: str | Style) -> str:
    """Return the classes of a style."""
    parsed = Style.parse(style) if isinstance(style, str) else style
    names = [name for name in ("bold", "dim", "italic") if getattr(parsed, name)]
    return " ".join([*names, *([f"c{parsed.color.number}"] if parsed.color else [])])


def main() -> None:
    """Record the demo."""
    TARGET.write_text(draw([Line(0.0, f"\x1b[1m{SHOWN}\x1b[0m"), *pace(record(COMMAND))]), encoding="utf-8")


if __name__ == "__main__":
    main()
