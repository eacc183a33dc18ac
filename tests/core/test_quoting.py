"""What of an answer is fit for a line of the log."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcenter_source.core.errors import SinkUnavailableError
from vcenter_source.core.quoting import quote_line
from vcenter_source.sinks.connection import HttpResponse
from vcenter_source.sinks.responses import raise_for_status


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (b"", ""),
        (b"no such broker\n", "no such broker"),
        (b'{\r\n\t"error": "x"\n}', '{ "error": "x" }'),
        ("größer 漢字 ✓".encode(), "größer 漢字 ✓"),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        ("cut in two: ✓".encode()[:-1], "cut in two:"),
        (gzip.compress(b"no such broker", mtime=0), "bytes that are not text)"),
        (b"\x1b[2Jgone", "(8 bytes that are not text)"),
        ("\x9b31mred".encode(), "bytes that are not text)"),
        ("reversed \u202e".encode(), "bytes that are not text)"),
        (b"a\x00b", "(3 bytes that are not text)"),
        (b"gr\xf6\xdfer", "(6 bytes that are not text)"),
    ],
)
def test_only_text_is_quoted_and_in_one_line(said: bytes, line: str) -> None:
    assert quote_line(said, 500).endswith(line)
    assert quote_line(said, 500) == line or "not text" in line


@given(st.binary(max_size=300), st.integers(1, 400))
def test_whatever_was_said_is_one_printable_line(said: bytes, most: int) -> None:
    line = quote_line(said, most)
    assert line.isprintable()
    assert len(line) <= max(most, 40)


def test_neither_the_body_nor_the_reason_of_an_answer_reaches_the_log_raw() -> None:
    with pytest.raises(SinkUnavailableError) as caught:
        raise_for_status("http://sink/", HttpResponse(503, "Gone\x9b2J", {}, gzip.compress(b"x" * 500)))
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("http://sink/ answers 503")
    assert caught.value.body[:2] == b"\x1f\x8b", "the dead letter keeps it as it was"
