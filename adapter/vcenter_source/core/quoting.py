"""What another side has said, for a line of the log: only where it is text, and never more than a line."""

import codecs


def quoted(said: bytes, most: int) -> str:
    """The first ``most`` bytes of it as one line; where they are no text (compressed, say), that they are none.

    A character that is cut in two at the end is left out. Control characters could change what a terminal shows.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(said[:most])
    except UnicodeDecodeError:
        return no_text(said)
    line = " ".join(text.split())
    return line if line.isprintable() else no_text(said)


def no_text(said: bytes) -> str:
    """In its place."""
    return f"({len(said)} bytes that are no text)"
