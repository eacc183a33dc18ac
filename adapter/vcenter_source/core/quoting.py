"""What another side has answered, for a line of the log: only if it is text, and never more than a line."""

import codecs


def quote_line(data: bytes, max_bytes: int) -> str:
    """Return the first bytes as one line of text. Bytes that are no text (compressed, say) are counted, not shown.

    A character that is cut in two at the end is left out. Control characters could change what a terminal shows.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data[:max_bytes])
    except UnicodeDecodeError:
        return _count(data)
    line = " ".join(text.split())
    return line if line.isprintable() else _count(data)


def _count(data: bytes) -> str:
    return f"({len(data)} bytes that are not text)"
