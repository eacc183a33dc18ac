"""The findings on standard output: a line each, for people, or as JSON for a program."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO
from urllib.request import getproxies

import orjson

from vcenter_source.commands.doctor.steps import Finding, Status
from vcenter_source.core.errors import ConfigurationError, OutputClosedError
from vcenter_source.core.redaction import Redactor, find_secrets
from vcenter_source.settings.source import Settings

STYLES: dict[Status, str] = {"ok": "green", "warning": "yellow", "failed": "bold red", "not checked": "dim"}
WIDTH = 22


class Report:
    """Prints findings, free of secrets: a server's own words may quote them."""

    def __init__(self, secrets: Iterable[str], out: TextIO, *, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._hidden = Redactor(secrets).redact

    def show(self, findings: Iterable[Finding]) -> bool:
        """Print them; whether none failed. Raises OutputClosedError where nobody reads any more."""
        good = True
        for finding in findings:
            self._print(finding)
            good = good and finding.outcome.status != "failed"
        return good

    def _print(self, finding: Finding) -> None:
        try:
            if self._as_json:
                print(self._json(finding), file=self._out, flush=True)
            elif self._out.isatty():
                self._in_colours(finding)
            else:
                print(f"{finding.outcome.status:<11}  {self._line(finding)}", file=self._out, flush=True)
        except BrokenPipeError as exc:
            raise OutputClosedError("standard output is closed") from exc

    def _line(self, finding: Finding) -> str:
        outcome = finding.outcome
        words = f"{outcome.found} → {outcome.advice}" if outcome.advice else outcome.found
        return f"{finding.check:<{WIDTH}}  {' '.join(self._hidden(words).split())}"

    def _json(self, finding: Finding) -> str:
        outcome = finding.outcome
        fields = {"check": finding.check, "status": outcome.status, "details": dict(outcome.details)}
        return orjson.dumps(
            fields | {"found": self._hidden(outcome.found), "advice": self._hidden(outcome.advice)}
        ).decode()

    def _in_colours(self, finding: Finding) -> None:
        from rich.console import Console  # takes its time to load
        from rich.text import Text

        status = finding.outcome.status
        line = Text.assemble((f"{status:<11}", STYLES[status]), f"  {self._line(finding)}")
        Console(file=self._out, soft_wrap=True).print(line)


def secrets_of(settings: Settings) -> set[str]:
    """All that must not be printed: passwords, what an address has in its query, and the token for the sink."""
    urls = (settings.vcenter.url, settings.sink.address, settings.dead_letters.sink, *getproxies().values())
    secrets = {secret for url in urls if url for secret in find_secrets(url)}
    with suppress(ConfigurationError):  # the files are gone since
        secrets.add(settings.vcenter.credentials().password.get_secret_value())
    if settings.sink.token_file is not None:
        with suppress(OSError):
            secrets.add(settings.sink.token_file.read_text(errors="replace").strip())
    return secrets
