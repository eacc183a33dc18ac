"""``vcenter-source lint``: which Triggers can never match, or match more than they say, and where that is written."""

import sys
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.triggers import manifests
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

UNREADABLE_EXIT = 2
FINDINGS_EXIT = 1


def lint_files(paths: Iterable[str], catalog: EventCatalog, *, strict: bool = False, out: TextIO = sys.stdout) -> int:
    """Print what is wrong with the Triggers in files, a line each: ``file:line: error: Trigger name: what``.

    Returns the exit code: 2 where a file could not be read, 1 for an error, and for a warning if ``strict``.
    """
    checker, counts = ValueChecker(catalog), Counter[str]()
    for file in manifests.find_files(paths):
        _lint_file(file, checker, counts, out)
    print(_summarize(counts), file=out)
    if counts["unreadable"]:
        return UNREADABLE_EXIT
    return FINDINGS_EXIT if counts["error"] or (strict and counts["warning"]) else 0


def _lint_file(file: str, checker: ValueChecker, counts: Counter[str], out: TextIO) -> None:
    try:
        triggers = manifests.read_triggers(file)
    except ConfigurationError as exc:
        counts["unreadable"] += 1
        print(exc, file=out)
        return
    for trigger in triggers:
        counts["trigger"] += 1
        for finding in lint_spec(trigger.spec, checker):
            counts[finding.severity] += 1
            print(f"{file}:{finding.line}: {finding.severity}: {trigger.name}: {finding.message}", file=out)


def _summarize(counts: Counter[str]) -> str:
    parts = [_pluralize(counts[severity], severity) for severity in ("error", "warning") if counts[severity]]
    if counts["unreadable"]:
        parts.append(f"{_pluralize(counts['unreadable'], 'file')} unreadable")
    return f"{_pluralize(counts['trigger'], 'Trigger')}: {', '.join(parts) or 'nothing found'}"


def _pluralize(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
