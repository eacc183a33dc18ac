"""PropertyCollector: properties once (RetrievePropertiesEx) and their changes (WaitForUpdatesEx)."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vcenter_simulator.call import Call, not_authenticated
from vcenter_simulator.event_manager import create_id
from vcenter_simulator.event_page import EventPage
from vcenter_simulator.selection import Selection
from vcenter_simulator.sessions import Session
from vcenter_simulator.soap import serialise
from vcenter_simulator.vmomi import reference, vmodl

_query = vmodl.query.PropertyCollector
_Known = dict[str, dict[str, Any]]
"""What was last sent: object id -> property path -> its value in a form that can be compared."""


@dataclass(slots=True, eq=False)
class PropertyFilter:
    """A filter whose changes a client waits for."""

    moid: str
    spec: Any
    partial_updates: bool
    collector: str
    type: str = "PropertyFilter"


@dataclass(slots=True, eq=False)
class Watch:
    """The updates of one property collector. It keeps what it sent under its last two versions."""

    moid: str
    type: str = "PropertyCollector"
    sent: dict[str, dict[str, _Known]] = field(default_factory=dict)
    pages: dict[str, list[Any]] = field(default_factory=dict)
    cancelled: int = 0
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def keep(self, known: dict[str, _Known], before: str) -> str:
        """Keep what is sent now under a new version; the version before stays, for an answer that was lost."""
        version = str(next(self.numbers))
        self.sent = {key: value for key, value in self.sent.items() if key == before} | {version: known}
        return version


def _watch(call: Call) -> Watch:
    """Each session has the default collector of its own, made when it is first used."""
    if isinstance(call.target, Watch):
        return call.target
    watch: Watch = call.owner.objects.setdefault(call.target.moid, Watch(call.target.moid))
    return watch


def create_collector(call: Call) -> Any:
    """PropertyCollector.CreatePropertyCollector."""
    watch = Watch(create_id(call.owner))
    call.owner.objects[watch.moid] = watch
    return reference(watch.type, watch.moid)


def destroy_collector(call: Call) -> None:
    """PropertyCollector.DestroyPropertyCollector: its filters go too, and waits on it end."""
    watch = _watch(call)
    for property_filter in _filters(call.owner, watch):
        del call.owner.objects[property_filter.moid]
    call.owner.objects.pop(watch.moid, None)
    cancel(call)


def create_filter(call: Call, spec: Any, partial_updates: bool) -> Any:
    """PropertyCollector.CreateFilter. Raises what reading its properties raises."""
    list(_select(call, spec).contents())
    made = PropertyFilter(create_id(call.owner), spec, partial_updates, _watch(call).moid)
    call.owner.objects[made.moid] = made
    call.vcenter.changes.note()
    return reference(made.type, made.moid)


def destroy_filter(call: Call) -> None:
    """PropertyFilter.DestroyPropertyFilter."""
    call.owner.objects.pop(call.target.moid, None)


def _filters(session: Session, watch: Watch) -> list[PropertyFilter]:
    return [each for each in session.of_kind(PropertyFilter) if each.collector == watch.moid]


def cancel(call: Call) -> None:
    """PropertyCollector.CancelWaitForUpdates."""
    _watch(call).cancelled += 1
    call.vcenter.changes.note()


def retrieve(call: Call, specs: list[Any]) -> list[Any]:
    """PropertyCollector.RetrieveProperties."""
    return [
        _query.ObjectContent(
            obj=reference(target.type, target.moid),
            propSet=[vmodl.DynamicProperty(name=path, val=value) for path, value in values.items()],
        )
        for spec in specs
        for target, values in _select(call, spec).contents()
    ]


def _select(call: Call, spec: Any) -> Selection:
    return Selection(call.vcenter, call.owner, spec, strict=not spec.reportMissingObjectsInResults)


def retrieve_ex(call: Call, specs: list[Any], options: Any) -> Any:
    """PropertyCollector.RetrievePropertiesEx: at most ``maxObjects`` at a time, the others under a token."""
    return _page(_watch(call), retrieve(call, specs), (options and options.maxObjects) or 0)


def continue_retrieve(call: Call, token: str) -> Any:
    """PropertyCollector.ContinueRetrievePropertiesEx. Raises InvalidArgument for an unknown token."""
    watch = _watch(call)
    if token not in watch.pages:
        raise vmodl.fault.InvalidArgument(invalidProperty="token", msg="The token is unknown.")
    return _page(watch, watch.pages.pop(token), int(token.partition("/")[2]))


def _page(watch: Watch, contents: list[Any], size: int) -> Any:
    if not contents:
        return None
    rest, token = contents[size:] if size else [], None
    if rest:
        token = f"{next(watch.numbers)}/{size}"
        watch.pages[token] = rest
    return _query.RetrieveResult(token=token, objects=contents[: size or None])


async def wait_for_updates(call: Call, version: str | None, options: Any) -> Any:
    """PropertyCollector.WaitForUpdatesEx: answers as soon as something changed, with nothing after maxWaitSeconds.

    Raises InvalidCollectorVersion, NotAuthenticated when the session ends meanwhile, RequestCanceled.
    """
    seconds = options.maxWaitSeconds if options else None
    loop, watch, session = asyncio.get_running_loop(), _watch(call), call.owner
    deadline, cancelled, changes = loop.time() + (seconds or 0), watch.cancelled, call.vcenter.changes
    while True:
        seen = changes.count
        update = updates(call, version)
        left = None if seconds is None else deadline - loop.time()
        if update is not None or changes.closed or (left is not None and left <= 0):
            return update
        await changes.wait(seen, left)
        if session.ended:
            raise not_authenticated(call.target)
        if watch.cancelled != cancelled:
            raise vmodl.fault.RequestCanceled(msg="The request was canceled by a client.")


def updates(call: Call, version: str | None) -> Any:
    """PropertyCollector.CheckForUpdates: what changed since that version, None for nothing."""
    watch = _watch(call)
    before = watch.sent.get(version or "", {})
    if version and version not in watch.sent:
        raise vmodl.query.InvalidCollectorVersion(msg="The version is unknown to this property collector.")
    known, changed = {}, []
    for property_filter in _filters(call.owner, watch):
        known[property_filter.moid], objects = _differences(call, property_filter, before.get(property_filter.moid, {}))
        if objects:
            of = reference(property_filter.type, property_filter.moid)
            changed.append(_query.FilterUpdate(filter=of, objectSet=objects))
    return _query.UpdateSet(version=watch.keep(known, version or ""), filterSet=changed) if changed else None


def _differences(call: Call, property_filter: PropertyFilter, before: _Known) -> tuple[_Known, list[Any]]:
    known: _Known = {}
    objects = []
    for target, values in Selection(call.vcenter, call.owner, property_filter.spec, strict=False).contents():
        of = reference(target.type, target.moid)
        known[target.moid] = {path: _comparable(value) for path, value in values.items()} | {"": of}
        changes = _changes(before.get(target.moid, {}), known[target.moid], values)
        if changes or target.moid not in before:
            kind = "modify" if target.moid in before else "enter"
            objects.append(_query.ObjectUpdate(kind=kind, obj=of, changeSet=changes))
    gone = [before[moid][""] for moid in before if moid not in known]
    return known, objects + [_query.ObjectUpdate(kind="leave", obj=of) for of in gone]


def _changes(before: dict[str, Any], now: dict[str, Any], values: dict[str, Any]) -> list[Any]:
    changes = [
        _query.Change(name=path, op="assign", val=value)
        for path, value in values.items()
        if path not in before or before[path] != now[path]
    ]
    # A property that lost its value is assigned none.
    return changes + [_query.Change(name=path, op="assign") for path in before if path not in now]


def _comparable(value: Any) -> Any:
    """Data objects know no equality; their XML does. Pages of events are the same when they hold the same records."""
    return list(value) if isinstance(value, EventPage) else serialise(value, "value")


METHODS: dict[str, Callable[..., Any]] = {
    "RetrieveProperties": retrieve,
    "RetrievePropertiesEx": retrieve_ex,
    "ContinueRetrievePropertiesEx": continue_retrieve,
    "CancelRetrievePropertiesEx": lambda call, token: _watch(call).pages.pop(token, None) and None,
    "CreateFilter": create_filter,
    "DestroyPropertyFilter": destroy_filter,
    "CreatePropertyCollector": create_collector,
    "DestroyPropertyCollector": destroy_collector,
    "WaitForUpdatesEx": wait_for_updates,
    "WaitForUpdates": lambda call, version: wait_for_updates(call, version, None),
    "CheckForUpdates": updates,
    "CancelWaitForUpdates": cancel,
}
