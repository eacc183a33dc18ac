"""Checks, what comes of them, and which of them need each other."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from vcenter_source.core.errors import VcenterSourceError

Status = Literal["ok", "warning", "failed", "not checked"]
T = TypeVar("T")

LIMIT = 5.0
"""Seconds that one check may take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check has found, what to do about it (empty: nothing), and the same as values for a program."""

    status: Status
    found: str
    advice: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def ok(found: str, **details: Any) -> Outcome:
    """All is well."""
    return Outcome("ok", found, "", details)


def warning(found: str, advice: str, **details: Any) -> Outcome:
    """The adapter would run, and somebody should know this."""
    return Outcome("warning", found, advice, details)


def failed(found: str, advice: str = "", **details: Any) -> Outcome:
    """The adapter would not do its work."""
    return Outcome("failed", found, advice, details)


@dataclass(frozen=True, slots=True)
class Step:
    """One check. ``needs`` is the name of another without which this one can tell nothing."""

    name: str
    check: Callable[[], Awaitable[Outcome]]
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of the check with this name."""

    check: str
    outcome: Outcome


async def take(steps: Sequence[Step]) -> list[Finding]:
    """Take the steps in order. What needs one that failed, or was itself not checked, is not checked."""
    done: dict[str, Outcome] = {}
    for step in steps:
        if step.needs is not None and done[step.needs].status in {"failed", "not checked"}:
            done[step.name] = Outcome("not checked", f"needs {step.needs}")
        else:
            done[step.name] = await outcome_of(step.check)
    return [Finding(name, outcome) for name, outcome in done.items()]


async def outcome_of(check: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """The outcome of one check. Our own failures have their advice behind a semicolon."""
    try:
        return await asyncio.wait_for(check(), LIMIT)
    except TimeoutError:
        return failed(f"no answer within {LIMIT:g} s")
    except VcenterSourceError as exc:
        found, _, advice = str(exc).partition("; ")
        return failed(found, advice)
    except OSError as exc:  # of a file that we looked at ourselves
        return failed(f"{exc.filename or 'this machine'}: {exc.strerror or exc}")


async def in_thread(call: Callable[[], T]) -> T:
    """A blocking call in a thread that the end of the process does not wait for: a name server may take a minute."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, failure: Exception | None) -> None:
        if result.done():  # given up
            return
        if failure is not None:
            result.set_exception(failure)
        else:
            result.set_result(value)  # type: ignore[arg-type]  # there is a value where there is no failure

    def work() -> None:
        value, failure = None, None
        try:
            value = call()
        except Exception as exc:  # noqa: BLE001  handed to whoever waits
            failure = exc
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=work, name="doctor", daemon=True).start()
    return await result
