"""What a PropertyFilterSpec selects: objects by traversal, and of each the properties asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vcenter_simulator.call import Managed, not_found
from vcenter_simulator.managers import find, property_names, read
from vcenter_simulator.sessions import Session
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import types, vim_type, vmodl, wire_name


@dataclass(slots=True)
class Selection:
    """One evaluation of a filter. ``strict`` refuses a starting object that is gone; otherwise it is left out."""

    vcenter: Vcenter
    session: Session
    spec: Any
    strict: bool = True
    _seen: set[tuple[int, str]] = field(default_factory=set)

    def contents(self) -> Iterator[tuple[Managed, dict[str, Any]]]:
        """Each object once, with its properties by path; unset ones are left out."""
        done: set[str] = set()
        for target in self._objects():
            specs = [each for each in self.spec.propSet if issubclass(vim_type(target.type), each.type)]
            if specs and target.moid not in done:
                done.add(target.moid)
                yield target, self._values(target, specs)

    def _values(self, target: Managed, specs: list[Any]) -> dict[str, Any]:
        paths = [path for each in specs for path in (property_names(target.type) if each.all else each.pathSet)]
        values = {path: read(self.vcenter, self.session, target, path) for path in dict.fromkeys(paths)}
        return {path: value for path, value in values.items() if value is not None}

    def _objects(self) -> Iterator[Managed]:
        for start in self.spec.objectSet:
            target = self._resolve(start.obj)
            if target is None:
                if self.strict:
                    raise not_found(wire_name(type(start.obj)), _moid(start.obj))
                continue
            if not start.skip:
                yield target
            named = dict(_find_named(start.selectSet))
            yield from self._follow(target, start.selectSet, named)

    def _follow(self, target: Managed, selections: list[Any], named: dict[str, Any]) -> Iterator[Managed]:
        for selection in selections:
            step = selection if hasattr(selection, "path") else named.get(selection.name)
            if step is None:
                raise vmodl.fault.InvalidArgument(invalidProperty="selectSet", msg=f"No selection {selection.name}.")
            if issubclass(vim_type(target.type), step.type):
                yield from self._step(target, step, named)

    def _step(self, target: Managed, step: Any, named: dict[str, Any]) -> Iterator[Managed]:
        """One traversal. Named selections may lead round in circles: each is followed once an object."""
        if (id(step), target.moid) in self._seen:
            return
        self._seen.add((id(step), target.moid))
        value = read(self.vcenter, self.session, target, step.path)
        for each in value if isinstance(value, list) else [value]:
            found = self._resolve(each) if isinstance(each, types.ManagedObject) else None
            if found is not None:
                if not step.skip:
                    yield found
                yield from self._follow(found, step.selectSet, named)

    def _resolve(self, reference: Any) -> Managed | None:
        return find(self.vcenter, self.session, _moid(reference))


def _moid(reference: Any) -> str:
    return str(reference._GetMoId())  # noqa: SLF001  pyVmomi's only way


def _find_named(selections: list[Any]) -> Iterator[tuple[str, Any]]:
    for selection in selections:
        if hasattr(selection, "path"):
            if selection.name:
                yield selection.name, selection
            yield from _find_named(selection.selectSet)
