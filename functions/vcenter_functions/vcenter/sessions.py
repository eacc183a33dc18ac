"""The vCenters that a function acts in: each with its own sessions, memory and account.

of(source) ──▶ Targets: which one is it? ──▶ opened now, or before
                   │ the file has changed: what is gone, or is reached otherwise, is closed once no event can use it
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, TypeVar

from vcenter_functions.errors import FunctionError, TemporaryError
from vcenter_functions.origin import parse_source
from vcenter_functions.vcenter.api import VCenter, open_vcenter

if TYPE_CHECKING:
    from vcenter_functions.login import Credentials
    from vcenter_functions.target import Target
    from vcenter_functions.targets import Targets
    from vcenter_functions.tracing import Tracing

T = TypeVar("T")
GRACE_SECONDS = 0.3
"""How long a readiness check waits for the other vCenters when one is ready: less than the second of a probe."""


class _Opened:
    """A vCenter with its sessions. ``target`` is its entry as it is now, ``check`` the readiness check that runs."""

    def __init__(self, target: "Target", tracing: "Tracing", maker: str) -> None:
        self.target = target
        self.check: asyncio.Task[str] | None = None
        self.vcenter = open_vcenter(target, self._find_credentials, tracing, maker=maker)

    def _find_credentials(self) -> "Credentials":
        return self.target.credentials()

    def start_check(self) -> "asyncio.Task[str]":
        """Return the check that runs, or a new one. Its result is why the vCenter is not ready, nothing if it is."""
        if self.check is None or self.check.done():
            self.check = _start_task(self._check())
        return self.check

    async def _check(self) -> str:
        try:
            async with asyncio.timeout(self.target.timeout):
                await self.vcenter.check()
        except FunctionError as exc:
            return str(exc)
        except TimeoutError:
            return "no answer in time"
        return ""

    async def close(self) -> None:
        """Log out, and close the connections."""
        if self.check is not None:
            self.check.cancel()
        await self.vcenter.close()

    async def close_later(self, is_ending: asyncio.Event) -> None:
        """Close it once no event can use it any more, or all ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.target.timeout):
                await is_ending.wait()
        await self.close()


class VCenters:
    """The vCenters of a function's settings. ``name`` is the function's."""

    def __init__(self, targets: "Targets", tracing: "Tracing", *, name: str = "vcenter-source") -> None:
        self._targets = targets
        self._tracing = tracing
        self._name = name
        self._current = targets.read()
        """The vCenters as they were when those that had gone were closed last."""
        self._opened: dict[str, _Opened] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._is_ending = asyncio.Event()

    def of(self, source: str) -> VCenter:
        """Return the vCenter that an event's ``source`` names; where it names no server, the one that there is.

        Raises OtherVcenterError for one that is not configured: an object's id means another object there.
        """
        self._close_replaced()
        return self._open(self._targets.find(parse_source(source))).vcenter

    async def check(self) -> str:
        """Return what there is to say of each, if one accepts our session, or opens one.

        Of the others none is waited for long. Raises TemporaryError, PermanentError if none does.
        """
        self._close_replaced()
        if not self._targets.is_file:
            await self._open(self._targets.find(None)).vcenter.check()
            return ""
        checks = {target.name: self._open(target).start_check() for target in self._targets.list()}
        await _wait_for_one(set(checks.values()))
        lines = [f"{name}: {_describe(check)}" for name, check in checks.items()]
        lines += [self._targets.problem] if self._targets.problem else []
        if not any(map(_is_ready, checks.values())):
            raise TemporaryError(f"no vCenter is ready: {'; '.join(lines)}")
        return "\n".join(lines)

    async def close(self) -> None:
        """Log out of all, and close the connections."""
        self._is_ending.set()
        opened, self._opened = self._opened, {}
        await asyncio.gather(*(each.close() for each in opened.values()), *self._closing)

    def _open(self, target: "Target") -> _Opened:
        """Return a vCenter, opened now or before. Raises SettingsError for a proxy that cannot be used."""
        opened = self._opened.get(target.name)
        if opened is None:
            opened = self._opened[target.name] = _Opened(target, self._tracing, self._name)
        opened.target = target
        return opened

    def _close_replaced(self) -> None:
        """Close those that are no longer configured, or are to be reached otherwise. This is called for each event."""
        current = self._targets.read()
        if current is self._current:
            return
        self._current, now = current, {target.name: target for target in current.values()}
        for name, opened in list(self._opened.items()):
            if name not in now or not now[name].is_reached_like(opened.target):
                del self._opened[name]
                task = _start_task(opened.close_later(self._is_ending))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)


def _start_task(work: Coroutine[None, None, T]) -> "asyncio.Task[T]":
    """Start a task whose requests belong to no event."""
    return asyncio.get_running_loop().create_task(work, context=Context())


def _is_ready(check: "asyncio.Task[str]") -> bool:
    return check.done() and not check.result()


def _describe(check: "asyncio.Task[str]") -> str:
    return (check.result() or "ready") if check.done() else "no answer yet"


async def _wait_for_one(checks: "set[asyncio.Task[str]]") -> None:
    """Wait until one is ready or all have ended, and then a moment for the others."""
    pending, is_any_ready = checks, False
    while pending and not is_any_ready:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        is_any_ready = any(map(_is_ready, done))
    if pending:
        await asyncio.wait(pending, timeout=GRACE_SECONDS)
