"""Functions are named by verbs, a name of the adapter means one thing, and no test imports from another's module."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("adapter", "functions", "simulator", "demo", "bench")
Function = ast.FunctionDef | ast.AsyncFunctionDef

IRREGULAR = {
    "begun", "bound", "broken", "brought", "built", "bought", "caught", "chosen", "done", "drawn", "driven",
    "forgotten", "found", "frozen", "given", "gone", "grown", "heard", "held", "hidden", "hung", "kept", "known",
    "laid", "left", "led", "lost", "made", "meant", "met", "paid", "risen", "said", "seen", "sent", "shown", "sold",
    "spent", "spoken", "stood", "struck", "sworn", "taken", "thought", "thrown", "told", "understood", "withdrawn",
    "won", "worn", "written",
}  # fmt: skip
"""Past participles that do not end in -ed and are not their verb's own form."""

NO_PARTICIPLES = {
    "bring", "embed", "encoding", "exceed", "feed", "heading", "listing", "logging", "mapping", "meaning", "need",
    "ping", "proceed", "seed", "setting", "settings", "string", "succeed", "thing", "timing", "tracing", "warning",
}  # fmt: skip
"""Verbs and nouns that only look like a participle or a gerund."""


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_bytes())


def is_participle(word: str) -> bool:
    return word in IRREGULAR or (word.endswith("ed") and word not in NO_PARTICIPLES)


def is_gerund(word: str) -> bool:
    return word.endswith("ing") and word not in NO_PARTICIPLES


def is_bare(name: str) -> bool:
    """Whether a name begins with a participle, or is nothing but a gerund."""
    if name.startswith("__"):  # Python's own
        return False
    first, *more = name.strip("_").split("_")
    return is_participle(first) or (not more and is_gerund(first))


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_function_is_named_by_a_participle_or_a_gerund(folder: str) -> None:
    bad = [
        f"{path}:{function.lineno}: {function.name}"
        for path, tree in modules(folder)
        for function in functions(tree)
        if is_bare(function.name)
    ]
    assert bad == [], "name it by a verb, a context manager or a value by a noun"


def test_a_public_class_or_function_of_the_adapter_is_defined_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in modules("adapter"):
        for node in tree.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize(
    ("name", "bad"),
    [("told", True), ("_received", True), ("running", True), ("made_up", True), ("send", False), ("feed", False)],
)
def test_what_counts_as_a_participle(name: str, bad: bool) -> None:
    assert is_bare(name) is bad


def test_no_test_imports_from_another_tests_module() -> None:
    """What two of them need stands in a conftest.py, in tests/support, or in a module beside them."""
    of_a_test = re.compile(r"^\s*from tests\.(\w+\.)*(test_|conftest)\w* import .*", re.MULTILINE)
    imports = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in (ROOT / "tests").rglob("*.py")
        for found in of_a_test.finditer(path.read_text(encoding="utf-8"))
    ]
    assert imports == []
