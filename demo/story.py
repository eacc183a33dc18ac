"""What the demo shows: numbered steps, made to be looked at in a terminal and to be read in a file."""

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from rich.console import Console
from rich.text import Text

from demo.vsphere import Recorded, Reference
from demo.waterfall import Span, waterfall

_INDENT = 3
_DATA_LINES = 6
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
# The order of the specification first, then whatever else the event carries.
_ATTRIBUTES = ("type", "source", "id", "subject", "time")


class Story:
    """Prints the steps, one method each, in the order in which they happen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def opening(self, processes: Mapping[str, str]) -> None:
        """The processes with their addresses."""
        self._console.print(Text("From a vCenter event to a tag", style="bold"))
        self._facts(processes)

    def recorded(self, event: Recorded, about: Reference) -> None:
        """The event as vCenter's own event history tells it."""
        self._step("vCenter tells of a new resource pool")
        self._line(Text(event.message, style="italic"))
        facts = {"class": event.class_name, "key": event.key, "object": str(about), "time": event.created}
        self._facts(facts | ({"user": event.user} if event.user else {}))

    def travelled(self, attributes: Mapping[str, str], data: Any) -> None:
        """The CloudEvent as the Broker got it."""
        self._step("The adapter sends it as a CloudEvent")
        ordered = {name: attributes[name] for name in _ATTRIBUTES if name in attributes}
        rest = {name: value for name, value in attributes.items() if name not in {*ordered, "specversion"}}
        self._facts(ordered | rest | {"data": _shortened(data)})

    def matched(self, outcome: Mapping[str, Any], folder: str) -> None:
        """The Trigger that wanted it, and how its subscriber answered."""
        self._step("A Trigger wants it, so the Broker calls its subscriber")
        self._facts(
            {
                "Trigger": outcome["trigger"],
                "filter": outcome["filter"],
                "written in": f"{folder}/{outcome['where']}",
                "subscriber": f"{outcome['subscriber']} answered {outcome['code']}{_tries(outcome['attempts'])}",
            }
        )

    def tagged(self, about: Reference, name: str, tags: Sequence[str], wanted: str) -> None:
        """The tag as vCenter's tagging API tells it."""
        self._step("The tag is on the object: read back from vCenter")
        for tag in tags:
            line = Text.assemble((str(about), "bold"), f" ({name})  ", (tag, "bold green" if tag == wanted else ""))
            self._line(line)

    def traced(self, spans: Sequence[Span]) -> None:
        """The trace of the way, as a waterfall."""
        self._step("One trace of the whole way")
        if not spans:
            self._line(Text("no spans arrived", style="red"))
        services = list(dict.fromkeys(span.service for span in sorted(spans, key=lambda s: s.start)))
        colours = {service: _COLOURS[n % len(_COLOURS)] for n, service in enumerate(services)}
        ascii_only = self._console.options.ascii_only
        for line in waterfall(spans, self._console.width - _INDENT, ascii_only=ascii_only):
            colour = colours[line.service.strip()]
            parts = (
                (line.label, "red" if line.failed else ""),
                (line.service, colour),
                line.duration,
                (line.bar, colour),
            )
            self._line(Text("  ", no_wrap=True).join(Text.assemble(part) for part in parts))

    def unmatched(self, attributes: Mapping[str, str], message: str) -> None:
        """An event that no Trigger wants."""
        self._step("Another event, that no Trigger wants")
        self._line(Text(message, style="italic"))
        self._facts(
            {
                "type": attributes["type"],
                "subject": attributes.get("subject", ""),
                "Trigger": "none matched; nobody was called",
            }
        )

    def closing(self, summary: str) -> None:
        """The one line that says it all."""
        self._console.print()
        self._console.print(Text(summary, style="bold green"), soft_wrap=True)

    def failed(self, reason: str, logs: Mapping[str, Sequence[str]], folder: str) -> None:
        """The reason, and the ends of the logs."""
        self._console.print()
        self._console.print(Text(reason, style="bold red"), soft_wrap=True)
        for name, lines in logs.items():
            self._console.print(Text(f"{name} said last:", style="dim"))
            for line in lines:
                self._console.print(Text(" " * _INDENT + line), soft_wrap=True)
        self._console.print(Text(f"The whole logs are in {folder}", style="dim"), soft_wrap=True)

    def staying(self, addresses: Mapping[str, str], command: str) -> None:
        """What can be done while the demo stays up."""
        self._console.print()
        self._console.print(Text("Still running; Ctrl-C ends it.", style="bold"))
        self._facts(addresses)
        self._line(Text("Make another resource pool:", style="dim"))
        self._console.print(Text(" " * _INDENT + command, style="bold"), soft_wrap=True)

    def also(self, line: str, *, good: bool) -> None:
        """One more resource pool, while the demo stays up."""
        self._console.print(Text(line, style="" if good else "red"), soft_wrap=True)

    def _step(self, heading: str) -> None:
        self._steps += 1
        self._console.print()
        self._console.print(Text.assemble((f"{self._steps}  ", "bold cyan"), (heading, "bold")))

    def _line(self, text: Text) -> None:
        for line in text.wrap(self._console, self._console.width - _INDENT):
            line.rstrip()
            self._console.print(Text(" " * _INDENT).append_text(line))

    def _facts(self, facts: Mapping[str, str]) -> None:
        """Names and values in two columns; a value that is too long goes on below itself."""
        column = max(map(len, facts)) + 2
        room = max(self._console.width - _INDENT - column, 20)
        for name, value in facts.items():
            pieces = [line[n : n + room] for line in value.splitlines() for n in range(0, len(line), room)]
            for label, piece in zip_longest([name], pieces, fillvalue=""):
                self._line(Text.assemble((label.ljust(column), "dim"), piece))


def _shortened(data: Any) -> str:
    """The beginning of the data as indented JSON; what is left out is counted."""
    lines = json.dumps(data, indent=1, ensure_ascii=False).splitlines()
    left_out = len(lines) - _DATA_LINES
    return "\n".join([*lines[:_DATA_LINES], f" ... {left_out} more lines"] if left_out > 1 else lines)


def _tries(attempts: int) -> str:
    return "" if attempts == 1 else f" at attempt {attempts}"
