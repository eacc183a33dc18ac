"""A trace as lines of text."""

from hypothesis import given
from hypothesis import strategies as st

from vcenter_functions.otel.waterfall import Span, bar, is_incomplete, milliseconds, tree, waterfall

MS = 1_000_000


def span(name: str, parent: str, start: float, end: float, service: str = "pytag", **attributes: str) -> Span:
    return Span("t", name, parent, name, service, int(start * MS), int(end * MS), attributes=attributes)


TRACE = [
    span("create", "", 0, 40, "vcenter-source"),
    span("POST", "create", 2, 12, "vcenter-source", **{"url.full": "http://127.0.0.1:1/ns/default"}),
    span("ingress", "POST", 4, 11, "broker"),
    span("trigger", "ingress", 11, 40, "broker"),
    span("attach", "process", 30, 39.5),
    span("find", "process", 15, 30),
    span("process", "trigger", 14, 39.8),
]


def test_the_tree_shows_parents_first_and_siblings_by_start() -> None:
    assert [prefix + s.name for prefix, s in tree(TRACE)] == [
        "create",
        "└─ POST",
        "   └─ ingress",
        "      └─ trigger",
        "         └─ process",
        "            ├─ find",
        "            └─ attach",
    ]


def test_branches_go_on_past_the_children_of_a_sibling() -> None:
    spans = [span("a", "", 0, 9), span("b", "a", 1, 2), span("c", "b", 1, 2), span("d", "a", 3, 4)]
    assert [prefix + s.name for prefix, s in tree(spans)] == ["a", "├─ b", "│  └─ c", "└─ d"]
    assert [prefix + s.name for prefix, s in tree(spans, ascii_only=True)] == ["a", "|- b", "|  `- c", "`- d"]


def test_the_whole_picture() -> None:
    assert [line.text for line in waterfall(TRACE, 78)] == [
        "create                 vcenter-source  40.0 ms  ██████████████████████████████",
        "└─ POST /ns/default    vcenter-source  10.0 ms   ████████",
        "   └─ ingress          broker           7.0 ms     █████▎",
        "      └─ trigger       broker          29.0 ms          ██████████████████████",
        "         └─ process    pytag           25.8 ms            ███████████████████▉",
        "            ├─ find    pytag           15.0 ms             ███████████▌",
        "            └─ attach  pytag            9.5 ms                        ███████▋",
    ]


def test_a_span_without_its_parent_is_a_root_and_means_that_spans_are_missing() -> None:
    late = [span("child", "nobody", 0, 1)]
    assert [s.name for _, s in tree(late)] == ["child"]
    assert is_incomplete(late)
    assert is_incomplete([])
    assert not is_incomplete(TRACE)


def test_an_http_request_is_told_by_its_path_and_query_without_ids() -> None:
    url = "https://vc:443/api/cis/tagging/tag-association/urn:vmomi:InventoryServiceTag:1-2:GLOBAL?action=attach"
    request = span("POST", "", 0, 1, **{"url.full": url})
    assert request.label == "POST /api/cis/tagging/tag-association/{id}?action=attach"
    assert span("POST", "", 0, 1).label == "POST"


def test_of_a_name_that_is_too_long_the_end_stays() -> None:
    (line,) = waterfall([span("CloudEvents Create com.vmware.event.resourcepool.created", "", 0, 1)], 60)
    assert line.label == "CloudEvents Create …epool.created"
    (line,) = waterfall([span("x" * 80, "", 0, 1)], 60)
    assert line.label == "x" * 32 + "…"


def test_durations_have_three_digits_or_all_that_are_needed() -> None:
    durations = [milliseconds(span("x", "", 0, ms)) for ms in (0.4239, 1, 13.52, 1205.4)]
    assert durations == ["0.42 ms", "1.0 ms", "13.5 ms", "1205 ms"]


def test_bars() -> None:
    assert bar(0, 100, 100, 4) == "████"
    assert bar(50, 50, 100, 4) == "  ██"
    assert bar(0, 0, 100, 4) == "▏"
    assert bar(100, 0, 100, 4) == "   █"
    assert bar(50, 50, 100, 4, ascii_only=True) == "  ##"
    assert bar(0, 0, 0, 4)


def test_no_spans_no_lines() -> None:
    assert waterfall([], 80) == []


SPANS = st.lists(
    st.builds(
        span,
        st.text("abcdef", min_size=1, max_size=60),
        st.text("abcdef", max_size=2),
        st.floats(0, 100),
        st.floats(100, 2000),
        st.sampled_from(["pytag", "broker", "vcenter-source"]),
    ),
    max_size=12,
    unique_by=lambda s: s.span_id,
)


@given(SPANS, st.integers(60, 200), st.booleans())
def test_no_line_is_wider_than_asked_and_columns_line_up(spans: list[Span], width: int, ascii_only: bool) -> None:
    lines = waterfall(spans, width, ascii_only=ascii_only)
    assert all(len(line.text) <= width for line in lines)
    assert len({(len(line.label), len(line.service), len(line.duration)) for line in lines}) <= 1
    assert all(line.bar.strip() for line in lines)
    assert not ascii_only or all(line.text.isascii() for line in lines)
