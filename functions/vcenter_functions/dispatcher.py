"""An event's way to its handlers: which get it, what each is given, and what becomes of its outcome."""

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import structlog

from vcenter_functions.errors import FunctionError, PermanentError, TemporaryError, UnexpectedError
from vcenter_functions.event import Event
from vcenter_functions.metrics import Metrics
from vcenter_functions.once import OnceMemory
from vcenter_functions.registry import Handler, Registry
from vcenter_functions.resources import Resources
from vcenter_functions.slots import keep_slot
from vcenter_functions.tracing import Tracing

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

log = structlog.get_logger()


class Dispatcher:
    """Calls the handlers of a registry."""

    def __init__(self, registry: Registry, resources: Resources, metrics: Metrics, tracing: Tracing) -> None:
        self._registry = registry
        self._resources = resources
        self._metrics = metrics
        self._tracing = tracing
        self._memories = {handler.function: OnceMemory() for handler in registry.handlers if handler.once}

    async def handle(self, cloud_event: "BaseCloudEvent") -> None:
        """Call each handler of an event, in the file's order, also after one has failed.

        Raises the failure that asks for the most: TemporaryError before UnexpectedError before PermanentError.
        """
        event = Event.from_cloudevent(cloud_event)
        handlers = list(self._registry.match(event, cloud_event.get_type()))
        failures = [failure for handler in handlers if (failure := await self._call(handler, event))]
        if failures:
            raise min(failures, key=_rank)
        if not handlers:
            self._metrics.note_call("", "unmatched")
            log.debug("no handler for this event", type=event.type)

    async def _call(self, handler: Handler, event: Event) -> FunctionError | None:
        """Call one handler within its span; return how it failed."""
        began, outcome = time.perf_counter(), "done"
        try:
            with self._tracing.step_span(handler.name, {"code.function.name": handler.name}) as span:
                try:
                    if not await self._call_perhaps_once(handler, event):
                        outcome = "repeated"
                        span.set_attribute("vcenter_function.repeated", value=True)
                except FunctionError:
                    raise
                except Exception as exc:
                    span.record_exception(exc)  # its traceback has no values of variables
                    raise UnexpectedError(
                        f"{handler.name} failed with {type(exc).__name__}; its log has the traceback"
                    ) from exc
        except FunctionError as exc:
            outcome = _name_outcome(exc)
            self._note_failure(handler, exc)
            return exc
        except asyncio.CancelledError:
            outcome = "timeout"
            self._metrics.note_failure(handler.name, "TimeoutError")
            raise
        finally:
            self._metrics.note_call(handler.name, outcome, time.perf_counter() - began)
        return None

    def _note_failure(self, handler: Handler, failure: FunctionError) -> None:
        error = failure.__cause__ if isinstance(failure, UnexpectedError) else failure
        self._metrics.note_failure(handler.name, type(error).__name__)
        if isinstance(failure, UnexpectedError):
            log.error("handler failed", handler=handler.name, exc_info=error)

    async def _call_perhaps_once(self, handler: Handler, event: Event) -> bool:
        """Call a handler; return False where it is not, since it has handled the event before."""
        identity = event.source, event.id, event.time
        memory = self._memories.get(handler.function) if handler.once else None
        if memory is not None and await memory.is_done(identity):
            return False
        work = self._start(handler, event)
        if memory is not None:
            memory.note_start(identity, work)
        await self._wait(handler, work)
        return True

    def _start(self, handler: Handler, event: Event) -> "asyncio.Future[None]":
        arguments = self._collect_arguments(handler, event)
        if handler.is_async:
            return asyncio.get_running_loop().create_task(_await_result(handler.function(**arguments)))
        return _start_thread(lambda: _check_result(handler.function(**arguments)))

    async def _wait(self, handler: Handler, work: "asyncio.Future[None]") -> None:
        """Wait for a call. A thread goes on when its time is over, and keeps its slot."""
        try:
            await (work if handler.is_async else asyncio.shield(work))
        except asyncio.CancelledError as exc:
            if not handler.is_async and not work.done():
                keep_slot(work)
            if work.cancelled() and not _is_cancelled():
                raise RuntimeError("the handler cancelled itself") from exc
            raise

    def _collect_arguments(self, handler: Handler, event: Event) -> Mapping[str, Any]:
        makers: dict[str, Callable[[], Any]] = {
            "event": lambda: _convert(event, handler.parameters.event_class),
            "vcenter": lambda: self._resources.find_vcenter(event.source),
            "http": lambda: self._resources.http if handler.is_async else self._resources.sync_http,
            "log": lambda: log.bind(handler=handler.name),
            "settings": lambda: self._resources.settings_of(handler.parameters.settings_class),
        }
        return {name: makers[name]() for name in handler.parameters.names}


def _is_cancelled() -> bool:
    """Return whether it is this event's own task that was cancelled: its time is over, or the process ends."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _await_result(result: Awaitable[Any]) -> None:
    """Wait for a handler. What would end the process, ``sys.exit()``, is a failure like any other."""
    try:
        await result
    except (SystemExit, KeyboardInterrupt) as exc:
        raise RuntimeError(f"the handler raised {type(exc).__name__}") from exc


def _check_result(result: Any) -> None:
    """Refuse what nobody would wait for: a decorator can make a ``def`` of an ``async def``."""
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("the handler is a def that returns a coroutine, which nobody awaits; make it an async def")


def _start_thread(call: Callable[[], Any]) -> "asyncio.Future[None]":
    """Call something in a thread of its own, which does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    work: asyncio.Future[None] = loop.create_future()
    context = contextvars.copy_context()

    def set_outcome(failure: Exception | None) -> None:
        if failure is None:
            work.set_result(None)
        else:
            work.set_exception(failure)

    def run() -> None:
        failure: Exception | None = None
        try:
            context.run(call)
        except Exception as exc:  # noqa: BLE001  whoever waits gets it
            failure = exc
        except BaseException as exc:  # noqa: BLE001  sys.exit(), which would end the thread without a word
            failure = RuntimeError(f"the handler raised {type(exc).__name__}")
            failure.__cause__ = exc
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(set_outcome, failure)

    threading.Thread(target=run, daemon=True).start()
    return work


def _convert(event: Event, event_class: type[Event]) -> Event:
    """Return the event as the class that a handler asks for."""
    if event_class is Event:
        return event
    return event_class(*(getattr(event, each.name) for each in fields(Event)))


def _rank(failure: FunctionError) -> int:
    kinds = (TemporaryError, UnexpectedError, PermanentError)
    return next(number for number, kind in enumerate((*kinds, FunctionError)) if isinstance(failure, kind))


def _name_outcome(failure: FunctionError) -> str:
    if isinstance(failure, TemporaryError):
        return "temporary"
    return "permanent" if isinstance(failure, PermanentError) else "error"
