"""CESQL's operator LIKE (3.4.3)."""

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def compile_like(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern: ``%`` is any text, ``_`` one character; a backslash takes their meaning away.

    A text between two ``%`` is found where it comes first, and nowhere else is tried: a pattern takes no longer for a
    text that does not match.
    """
    pieces = re.findall(r"\\[%_]|.", pattern, re.DOTALL)
    parts, part = list[str](), ""
    for piece in pieces:
        if piece == "%":
            parts.append(part)
            part = ""
        else:
            part += "." if piece == "_" else re.escape(piece[-1])
    middle = "".join(f"(?>.*?{each})" for each in parts[1:])
    return re.compile(f"{parts[0]}{middle}.*{part}" if parts else part, re.DOTALL)
