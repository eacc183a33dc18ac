"""The history in a file, so that a simulator that is started again has it still, as vCenter's database does.

One JSON object a line: the instance uuid first, then whatever has changed. A kill may tear the last line off; its
change has not happened then.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from vcenter_simulator.history import Body, Change, History, Record
from vcenter_simulator.request import decode
from vcenter_simulator.vijson.writing import write_event_tail
from vcenter_simulator.vmomi import vim_type

_SETS = ("names", "kinds", "within")


class Journal:
    """One file. ``instance_uuid`` is the one it was begun with: it names the vCenter."""

    def __init__(self, path: Path, instance_uuid: str) -> None:
        self._lines = list(_whole_lines(path))
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if self._lines:
            self.instance_uuid = str(self._lines[0]["instance_uuid"])
        else:
            self.instance_uuid = instance_uuid
            self._write({"instance_uuid": instance_uuid})

    def restore(self, history: History) -> None:
        """Repeat the changes that the file holds, and write down those that come from now on."""
        for line in self._lines[1:]:
            _REPLAY[line["change"]](history, line["value"])
        history.on_change = self._note

    def _note(self, change: Change, value: Record | int) -> None:
        self._write({"change": change, "value": _plain(value) if isinstance(value, Record) else value})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the file; a torn one at its end is cut off."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    yield from map(json.loads, content[:whole].splitlines())


def _plain(record: Record) -> dict[str, Any]:
    fields = asdict(record)
    fields["created"] = record.created.isoformat()
    fields["body"] |= {name: sorted(fields["body"][name]) for name in _SETS}
    return fields


def _record(fields: dict[str, Any]) -> Record:
    body = fields["body"] | {name: frozenset(fields["body"][name]) for name in _SETS}
    if "json_tail" not in body:  # of a journal that was begun before the simulator spoke JSON
        body["json_tail"] = _derive_json(body["class_name"], body["tail"])
    return Record(**(fields | {"created": datetime.fromisoformat(fields["created"]), "body": Body(**body)}))


def _derive_json(class_name: str, tail: str) -> str:
    """The JSON of an event by its XML; nothing of a class that nobody knows."""
    try:
        kind = vim_type(class_name)
    except KeyError:
        return "}"
    xml = f'<event xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{tail}</event>'
    return write_event_tail(decode(ET.fromstring(xml), kind))  # noqa: S314  our own


_REPLAY: dict[Change, Callable[[History, Any], None]] = {
    "posted": lambda history, fields: history.append(_record(fields)),
    "rewound": History.rewind_keys,
    "purged": History.purge,
}
