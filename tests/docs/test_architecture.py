"""docs/architecture.md: its rooms are the packages that are there, in the order that import-linter holds."""

import re
import tomllib

import pytest

from docs.tools import pictures
from tests.docs.pages import DOCS, ROOT, page, rows, section

TEXT = page("architecture.md")
SOURCE = ROOT / "adapter" / "vcenter_source"


def rooms() -> list[list[str]]:
    """The rooms of the first table, from above to below; those on one line stand beside each other."""
    table = section(TEXT, "## The rooms").partition("\n\n|")[2].partition("\n\n")[0]
    return [re.findall(r"`(\w+)`", row[0]) for row in rows(f"|{table}\n")]


def test_every_room_of_the_adapter_is_in_the_table_and_none_else() -> None:
    there = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    listed = [name for row in rooms() for name in row]
    assert sorted(listed) == sorted(there - {"__init__", "__main__"})


def test_the_table_has_them_in_the_order_of_the_import_rules() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == ["vcenter_source"]]
    assert [sorted(layer.split(" | ")) for layer in layers if layer != "__main__"] == [sorted(row) for row in rooms()]


@pytest.mark.parametrize("theme", pictures.THEMES)
@pytest.mark.parametrize("name", ["way", "failures"])
def test_a_picture_is_made_from_its_text(name: str, theme: str) -> None:
    drawn = pictures.draw((DOCS / "pictures" / f"{name}.txt").read_text(), theme)
    assert drawn == (DOCS / "pictures" / f"{name}-{theme}.svg").read_text(), "run: make docs"


def test_a_line_that_means_nothing_is_named() -> None:
    with pytest.raises(ValueError, match="boxes: not one of title"):
        pictures.draw("title T\nabout A\nsize 1 1 1\nboxes 1 2 3 4 x", "light")


@pytest.mark.parametrize("name", ["way", "failures"])
def test_a_picture_is_the_same_in_the_dark(name: str) -> None:
    light, dark = ((DOCS / "pictures" / f"{name}-{mode}.svg").read_text().splitlines() for mode in ("light", "dark"))
    differences = [each for each in zip(light, dark, strict=True) if each[0] != each[1]]
    assert [line.startswith("<style>") for line, _ in differences] == [True]
    assert f"pictures/{name}-light.svg" in TEXT
    assert f"pictures/{name}-dark.svg" in TEXT
