"""``vcenter-source function new``: a folder with a function that runs, a test that passes, and what to do next."""

import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from vcenter_source.commands.function import templates
from vcenter_source.commands.function.names import check_function_name
from vcenter_source.commands.function.wanted import Wanted, find_common_class, find_named_property, read_wanted
from vcenter_source.commands.output import print_lines
from vcenter_source.core.errors import ConfigurationError

_TAKEN = {"event", "log", "on"}
"""What a handler's name would hide in its own file."""


def create_function(name: str, types: Sequence[str], out: TextIO = sys.stdout) -> None:
    """Write the files of a function into a new folder, and print what to do next. Raises ConfigurationError."""
    check_function_name("NAME", name)
    wanted = [read_wanted(each) for each in dict.fromkeys(types)]
    files = write_files(name, wanted)
    following = templates.NEXT.format(name=name, example=wanted[0].example)
    folder = Path(name)
    try:
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    except FileExistsError as exc:
        raise ConfigurationError(f"{name}: it is there already and stays as it is; choose another name") from exc
    except OSError as exc:
        raise ConfigurationError(f"{name}: {exc.strerror}") from exc
    print_lines([*(f"{name}/{file}" for file in files), "", *following.splitlines()], out)


def write_files(name: str, wanted: Sequence[Wanted]) -> dict[str, str]:
    """Return the text of each file by its name."""
    common = find_common_class(wanted)
    only = wanted[0].class_name if len(wanted) == 1 and wanted[0].is_class else ""
    types = only or ", ".join(f'"{each.argument}"' for each in wanted)
    found = find_named_property(common)
    words = {
        "name": name,
        "function": _name_handler(name),
        "types": types,
        "described": " and ".join(each.argument for each in wanted),
        "sample": wanted[0].sample,
        "example": wanted[0].example,
        "event": common or "Event",
        "imports": templates.TYPED_IMPORTS.format(event=common) if common else templates.IMPORTS,
        "about": f"{found}=event.{found}.name" if found else "about=str(event.subject)",
    }
    return {file: text.format(**words) for file, text in templates.FILES.items()}


def _name_handler(name: str) -> str:
    """Return a function's name as Python has it."""
    python = re.sub(r"\W", "_", name)
    return f"{python}_" if keyword.iskeyword(python) or python in _TAKEN else python
