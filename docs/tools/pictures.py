"""``python -m docs.tools.pictures``: the pictures of docs/pictures from their texts, for light and for dark pages.

A text has a line for each thing, in whole pixels::

    title The way of an event
    about What a screen reader says in its place
    size 796 320 14                                width, height, and the size of the letters
    ours 230 10 150 60 reader | collector, cursor  a box: x, y, width, height, and what stands in it
    line M160 40H228 194 32 pages                  an arrow along a path of SVG, and what stands beside it

A box is ``ours``, ``box`` (of others), ``bad`` or ``good``.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "pictures"
BOXES = {"box": True, "ours": True, "bad": False, "good": False}
"""The kinds of box, and whether the first line in it is a heading."""

THEMES = {
    "light": "text{fill:#1f2328}.box{fill:#f6f8fa;stroke:#59636e}.ours{fill:#ddf4ff;stroke:#0969da}"
    ".line{stroke:#59636e;fill:none}.head{fill:#59636e}.bad{fill:#fff1e5;stroke:#bc4c00}"
    ".good{fill:#dafbe1;stroke:#1a7f37}.note{fill:#59636e}",
    "dark": "text{fill:#f0f6fc}.box{fill:#151b23;stroke:#9198a1}.ours{fill:#0c2d6b;stroke:#4493f8}"
    ".line{stroke:#9198a1;fill:none}.head{fill:#9198a1}.bad{fill:#3d1300;stroke:#db6d28}"
    ".good{fill:#04260f;stroke:#3fb950}.note{fill:#b7bfc8}",
}
ARROW = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path class="head" d="M0 0 8 4 0 8z"/></marker></defs>'
)


def draw(source: str, theme: str) -> str:
    """Return a picture as SVG. Raises ValueError for a line that means nothing."""
    lines = [line.partition(" ") for line in source.splitlines() if line.strip()]
    facts = {kind: rest for kind, _, rest in lines if kind in {"title", "about", "size"}}
    width, height, letters = facts["size"].split()
    letters_style = f"text{{font:{letters}px system-ui,sans-serif;text-anchor:middle}}.b{{font-weight:600}}"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(facts["title"])}</title>',
        f'<desc id="d">{escape(facts["about"])}</desc>',
        f"<style>{THEMES[theme]}</style>",
        f"<style>{letters_style}.note{{font-size:12px}}</style>",
        ARROW,
    ]
    body = [element for kind, _, rest in lines if kind not in facts for element in draw_line(kind, rest)]
    return "\n".join([*head, *body, "</svg>", ""])


def draw_line(kind: str, rest: str) -> Iterator[str]:
    """Yield the elements of one line of a text."""
    if kind in BOXES:
        yield from draw_box(kind, rest)
    elif kind == "line":
        start, way, *label = rest.split(maxsplit=4)
        yield f'<path class="line" marker-end="url(#a)" d="{start} {way}"/>'
        if label:
            x, y, words = label
            yield f'<text class="note" x="{x}" y="{y}">{escape(words)}</text>'
    else:
        raise ValueError(f"{kind}: not one of title, about, size, line, {', '.join(BOXES)}")


def draw_box(kind: str, rest: str) -> Iterator[str]:
    """Yield a box and its lines, in its middle."""
    x, y, width, height, words = rest.split(maxsplit=4)
    yield f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
    lines, middle, centre = words.split(" | "), int(y) + int(height) / 2, int(x) + int(width) / 2
    first, apart = (-3.5 if len(lines) > 1 else 4.5, 16) if BOXES[kind] else (-4, 18)
    for number, line in enumerate(lines):
        style = ("b", "note")[min(number, 1)] if BOXES[kind] else ""
        place = f'{style and f"""class="{style}" """}x="{centre:g}" y="{middle + first + apart * number:g}"'
        yield f"<text {place}>{escape(line)}</text>"


def main() -> None:
    """Draw all of them."""
    for source in sorted(FOLDER.glob("*.txt")):
        for theme in THEMES:
            source.with_name(f"{source.stem}-{theme}.svg").write_text(draw(source.read_text(), theme), encoding="utf-8")


if __name__ == "__main__":
    main()
