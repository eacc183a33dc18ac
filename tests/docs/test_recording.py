"""The film of `make demo` in the README: made from what a terminal showed, and of today's demo."""

import re
import sys
from xml.etree import ElementTree as ET

from docs.tools.recording import COLUMNS, TARGET, Line, clean, draw, pace, record
from tests.docs.pages import README, ROOT

SVG = "{http://www.w3.org/2000/svg}"


def shown(film: str) -> list[str]:
    return ["".join(line.itertext()) for line in ET.fromstring(film).iter(f"{SVG}text")]


def test_what_a_program_writes_on_a_terminal_becomes_lines_in_colours() -> None:
    code = r"print('\x1b[?25lwait\r\x1b[2K\x1b[1;36m1  \x1b[0m<b> & co'); import sys; print(sys.stdout.isatty())"
    lines = record([sys.executable, "-c", code])
    assert [line.text for line in lines] == ["\x1b[1;36m1  \x1b[0m<b> & co", "True"]
    film = draw(lines)
    assert shown(film) == ["1  <b> & co", "True"]
    assert '<tspan class="bold c6">1  </tspan>&lt;b&gt; &amp; co' in film


def test_what_overwrote_a_line_is_what_is_left() -> None:
    assert clean("one\r\x1b[2Ktwo\r") == "two"
    assert clean("\x1b[?25h\r\x1b[1A\x1b[2Kthree\r") == "three"


def test_lines_come_no_faster_than_they_can_be_read_and_nobody_waits_for_long() -> None:
    paced = pace([Line(30.0, "a"), Line(30.0, "b"), Line(30.5, "c"), Line(90.0, "d")])
    assert [round(line.at, 2) for line in paced] == [1.5, 1.65, 2.15, 3.65]


def test_the_lines_appear_in_turn_and_scroll_when_the_terminal_is_full() -> None:
    film = draw([Line(number / 2, f"line {number}") for number in range(1, 41)])
    times = [float(part) for part in re.findall(r"opacity:0\}([\d.]+)%,to", film)]
    assert len(times) == 40
    assert times == sorted(times)
    assert times[-1] < 100
    assert film.count("translateY(-") == 40 - 28 + 1  # each line more than there is room for, and the one that stands
    assert "prefers-reduced-motion:reduce" in film


def test_the_film_of_the_readme_is_that_of_the_demo() -> None:
    assert TARGET.relative_to(ROOT).as_posix() in README.read_text()
    lines = shown(TARGET.read_text())
    assert lines[0] == "$ make demo"
    steps = [line for line in lines if re.match(r"\d  ", line)]
    assert [line[0] for line in steps] == list("123456")
    printer = (ROOT / "demo" / "printer.py").read_text()
    assert [line for line in steps if line[3:] not in printer] == []
    assert re.fullmatch(
        r"tagged \S+ with demo/created-by-event \d+ ms after .*; 1 trace, \d+ spans, 3 processes", lines[-1]
    )
    assert max(map(len, lines)) <= COLUMNS
    assert len(TARGET.read_bytes()) < 60_000
