"""What the demo prints: numbered steps, made for a terminal and for a file."""

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, ClassVar

from rich.console import Console
from rich.text import Text

from demo.vsphere import RecordedEvent, Reference
from vcenter_functions.otel.waterfall import Span, waterfall

_INDENT = 3
_DATA_LINES = 6
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
# The order of the specification first, then whatever else the event carries.
_ATTRIBUTES = ("type", "source", "id", "subject", "time")


class Printer:
    """Prints the steps: a method for each, in the order in which they happen."""

    TITLE: ClassVar[str] = "From a vCenter event to a tag"

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def show_processes(self, processes: Mapping[str, str]) -> None:
        """Show the processes with their addresses."""
        self._console.print(Text(self.TITLE, style="bold"))
        self._facts(processes)

    def show_event(self, event: RecordedEvent, about: Reference) -> None:
        """Show the event as vCenter's own history has it."""
        self._step("vCenter tells of a new resource pool")
        self._line(Text(event.message, style="italic"))
        facts = {"class": event.class_name, "key": event.key, "object": str(about), "time": event.created}
        self._facts(facts | ({"user": event.user} if event.user else {}))

    def show_cloudevent(self, attributes: Mapping[str, str], data: Any) -> None:
        """Show the CloudEvent as the Broker got it."""
        self._step("The adapter sends it as a CloudEvent")
        ordered = {name: attributes[name] for name in _ATTRIBUTES if name in attributes}
        rest = {name: value for name, value in attributes.items() if name not in {*ordered, "specversion"}}
        self._facts(ordered | rest | {"data": _shorten(data)})

    def show_delivery(self, outcome: Mapping[str, Any], folder: str) -> None:
        """Show the Trigger that matched, and how its subscriber answered."""
        self._step("A Trigger wants it, so the Broker calls its subscriber")
        self._facts(
            {
                "Trigger": outcome["trigger"],
                "filter": outcome["filter"],
                "written in": f"{folder}/{outcome['where']}",
                "subscriber": f"{outcome['subscriber']} answered {outcome['code']}{_tries(outcome['attempts'])}",
            }
        )

    def show_tags(self, about: Reference, name: str, tags: Sequence[str], wanted: str) -> None:
        """Show the tags as vCenter's tagging API returns them."""
        self._step("The tag is on the object: read back from vCenter")
        for tag in tags:
            line = Text.assemble((str(about), "bold"), f" ({name})  ", (tag, "bold green" if tag == wanted else ""))
            self._line(line)

    def show_trace(self, spans: Sequence[Span], heading: str = "One trace of the whole way") -> None:
        """Show the trace as a waterfall."""
        self._step(heading)
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

    def show_unmatched(self, attributes: Mapping[str, str], message: str) -> None:
        """Show an event that no Trigger wants."""
        self._step("Another event, that no Trigger wants")
        self._line(Text(message, style="italic"))
        self._facts(
            {
                "type": attributes["type"],
                "subject": attributes.get("subject", ""),
                "Trigger": "none matched; nobody was called",
            }
        )

    def show_summary(self, summary: str) -> None:
        """Show the summary in one line."""
        self._console.print()
        self._console.print(Text(summary, style="bold green"), soft_wrap=True)

    def show_failure(self, reason: str, logs: Mapping[str, Sequence[str]], folder: str) -> None:
        """Show the reason, and the ends of the logs."""
        self._console.print()
        self._console.print(Text(reason, style="bold red"), soft_wrap=True)
        for name, lines in logs.items():
            self._console.print(Text(f"{name} said last:", style="dim"))
            for line in lines:
                self._console.print(Text(" " * _INDENT + line), soft_wrap=True)
        self._console.print(Text(f"The whole logs are in {folder}", style="dim"), soft_wrap=True)

    def show_addresses(self, addresses: Mapping[str, str], command: str, more: Mapping[str, Sequence[str]]) -> None:
        """Show what can be done while the demo stays up: where all is, and ``more`` commands to paste."""
        self._console.print()
        self._console.print(Text("Still running; Ctrl-C ends it.", style="bold"))
        self._facts(addresses)
        self._line(Text("Make another resource pool:", style="dim"))
        self._console.print(Text(" " * _INDENT + command, style="bold"), soft_wrap=True)
        for what, commands in more.items():
            self._line(Text(what, style="dim"))
            for each in commands:
                self._console.print(Text(" " * _INDENT + each), soft_wrap=True)
        self._console.print()

    def show_further(self, line: str, *, good: bool) -> None:
        """Show one more resource pool, while the demo stays up."""
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
        """Print names and values in two columns; a value that is too long goes on below itself."""
        column = max(map(len, facts)) + 2
        room = max(self._console.width - _INDENT - column, 20)
        for name, value in facts.items():
            pieces = [line[n : n + room] for line in value.splitlines() for n in range(0, len(line), room)]
            for label, piece in zip_longest([name], pieces, fillvalue=""):
                self._line(Text.assemble((label.ljust(column), "dim"), piece))


def _shorten(data: Any) -> str:
    """Return the beginning of the data as indented JSON, with the number of lines left out."""
    lines = json.dumps(data, indent=1, ensure_ascii=False).splitlines()
    left_out = len(lines) - _DATA_LINES
    return "\n".join([*lines[:_DATA_LINES], f" ... {left_out} more lines"] if left_out > 1 else lines)


def _tries(attempts: int) -> str:
    return "" if attempts == 1 else f" at attempt {attempts}"
