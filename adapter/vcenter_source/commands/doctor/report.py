"""The results on standard output: a line each, for people, or as JSON for a program."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TextIO
from urllib.request import getproxies

import orjson

from vcenter_source.commands.doctor.checks import CheckResult, Results, Status
from vcenter_source.commands.output import print_lines
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.redaction import Redactor, find_secrets
from vcenter_source.pipeline.roster import RosterEntry
from vcenter_source.settings.source import Settings

STYLES: dict[Status, str] = {"ok": "green", "warning": "yellow", "failed": "bold red", "not checked": "dim"}
NAME_WIDTH = 22


class Report:
    """Prints results without secrets: a server's own message may quote them."""

    def __init__(self, secrets: Iterable[str], out: TextIO, *, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._redact = Redactor(secrets).redact

    def print(self, results: Results, vcenter: str = "") -> bool:
        """Print results, of one of several vCenters if it is named; return whether none failed.

        Raises OutputClosedError where the reader has gone.
        """
        for name, result in results.items():
            self._print(name, result, vcenter)
        return all(result.status != "failed" for result in results.values())

    def _print(self, name: str, result: CheckResult, vcenter: str) -> None:
        if self._as_json:
            print_lines([self._format_json(name, result, vcenter)], self._out)
            return
        name = f"{vcenter}: {name}" if vcenter else name
        if self._out.isatty():
            self._print_coloured(name, result)
        else:
            print_lines([f"{result.status:<11}  {self._format_line(name, result)}"], self._out)

    def _format_line(self, name: str, result: CheckResult) -> str:
        words = f"{result.message} → {result.advice}" if result.advice else result.message
        return f"{name:<{NAME_WIDTH}}  {' '.join(self._redact(words).split())}"

    def _format_json(self, name: str, result: CheckResult, vcenter: str) -> str:
        of = {"vcenter": vcenter} if vcenter else {}
        fields = of | {"check": name, "status": result.status, "details": dict(result.details)}
        text = {"found": self._redact(result.message), "advice": self._redact(result.advice)}
        return orjson.dumps(fields | text).decode()

    def _print_coloured(self, name: str, result: CheckResult) -> None:
        from rich.console import Console  # slow to load
        from rich.text import Text

        status = result.status
        line = Text.assemble((f"{status:<11}", STYLES[status]), f"  {self._format_line(name, result)}")
        Console(file=self._out, soft_wrap=True).print(line)


def collect_secrets(settings: Settings, roster: Sequence[RosterEntry]) -> set[str]:
    """Collect what must not be printed: passwords, the queries of addresses, and the token for the sink."""
    addresses = (entry.vcenter.url for entry in roster)
    urls = (*addresses, settings.sink.address, settings.dead_letters.sink, *getproxies().values())
    secrets = {secret for url in urls if url for secret in find_secrets(url)}
    for entry in roster:
        with suppress(ConfigurationError):  # the files have gone since
            secrets.add(entry.vcenter.credentials().password.get_secret_value())
    if settings.sink.token_file is not None:
        with suppress(OSError):
            secrets.add(settings.sink.token_file.read_text(errors="replace").strip())
    return secrets
