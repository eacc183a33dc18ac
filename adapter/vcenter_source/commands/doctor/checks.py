"""Checks, their results, and which of them require each other."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from vcenter_source.core.errors import VcenterSourceError

Status = Literal["ok", "warning", "failed", "not checked"]
T = TypeVar("T")

CHECK_TIMEOUT = 5.0
"""Seconds that one check may take."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found, what to do about it (empty: nothing), and the same as values for a program."""

    status: Status
    message: str
    advice: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


Results: TypeAlias = Mapping[str, CheckResult]
"""The results of several checks by the checks' names, in the order of the checks."""


def ok(message: str, **details: Any) -> CheckResult:
    """Return the result of a check that found nothing wrong."""
    return CheckResult("ok", message, "", details)


def warning(message: str, advice: str, **details: Any) -> CheckResult:
    """Return the result of a check that found something to know, though the adapter would work."""
    return CheckResult("warning", message, advice, details)


def failure(message: str, advice: str = "", **details: Any) -> CheckResult:
    """Return the result of a check that found why the adapter would not work."""
    return CheckResult("failed", message, advice, details)


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One check. It is of no use where the check named ``requires`` fails."""

    name: str
    run: Callable[[], Awaitable[CheckResult]]
    requires: str | None = None


async def run_checks(checks: Sequence[DoctorCheck]) -> Results:
    """Run checks in order. One that requires a check that failed, or was itself not run, is not run."""
    results: dict[str, CheckResult] = {}
    for check in checks:
        if check.requires is not None and results[check.requires].status in {"failed", "not checked"}:
            results[check.name] = CheckResult("not checked", f"needs {check.requires}")
        else:
            results[check.name] = await run_check(check.run)
    return results


async def run_check(check: Callable[[], Awaitable[CheckResult]]) -> CheckResult:
    """Run one check within its time. An error of our own has the advice after a semicolon."""
    try:
        return await asyncio.wait_for(check(), CHECK_TIMEOUT)
    except TimeoutError:
        return failure(f"no answer within {CHECK_TIMEOUT:g} s")
    except VcenterSourceError as exc:
        message, _, advice = str(exc).partition("; ")
        return failure(message, advice)
    except OSError as exc:  # of a file that a check reads
        return failure(f"{exc.filename or 'this machine'}: {exc.strerror or exc}")


async def run_in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread that does not delay the end of the process: a name server may take a minute."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from here on it cannot be cancelled, only nobody may wait for it

    def work() -> None:
        try:
            future.set_result(call())
        except Exception as exc:  # noqa: BLE001  raised where the future is awaited
            future.set_exception(exc)

    threading.Thread(target=work, name="doctor", daemon=True).start()
    return await asyncio.wrap_future(future)
