"""What is wrong with one comparison of a filter: a value that no event has, and the one that was probably meant."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.formats import TYPE_PREFIX
from vcenter_source.events.metadata import object_types
from vcenter_source.triggers.conditions import Comparison, can_all
from vcenter_source.triggers.event_catalog import World
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.suggestions import nearest, or_else

_WILDCARD = re.compile(r"[*?%]")
_ATTRIBUTES_CALLED = {
    "severity": "severitytext", "class": "eventname", "name": "eventname", "eventtype": "type", "object": "subject",
    "eventtypeid": "eventname", "ancestors": "eventancestors", "vcenter": "source", "apiversion": "vsphereapiversion",
}  # fmt: skip
_SEVERITIES_CALLED = {"warning": "WARN", "critical": "ERROR", "user": "INFO"}
_HEADS = {"vcenter": TYPE_PREFIX, "veba": "com.vmware.vsphere."}


@dataclass(frozen=True)
class Judge:
    """Says what is wrong with a comparison, in the world of one EVENT_FORMAT."""

    world: World

    @cached_property
    def other(self) -> World:
        """The events of the other EVENT_FORMAT."""
        return World("veba" if self.world.event_format == "vcenter" else "vcenter")

    def finding(self, test: Comparison) -> Finding | None:
        """The finding, if there is one."""
        if test.attribute not in self.world.attributes:
            return _error(test, self._unknown_attribute(test.attribute))
        if test.operator == "present":
            return None
        if test.operator != "like" and _WILDCARD.search(test.value) and test.attribute not in self.world.extensions:
            return _error(test, self._wildcard(test))
        return self._special(test) or self._by_value(test)

    def foreign(self, test: Comparison) -> bool:
        """Whether it asks for the events of another source, of which nothing is known here."""
        if test.attribute == "source":
            return test.value.startswith(("/", "urn:"))
        if test.attribute != "type" or test.operator not in {"exact", "prefix"}:
            return False
        ours = tuple(_HEADS.values())
        shared = any(each.startswith(test.value) for each in ours) and test.operator == "prefix"
        return not shared and not test.value.startswith(ours) and not self.meant(test)

    def meant(self, test: Comparison) -> list[str]:
        """The values that this one was probably to be, in the form that its operator takes."""
        known = self._known[test.attribute]
        if test.operator in {"exact", "like"}:
            return self._translated(test) or nearest(test.value, known)
        size = len(test.value)
        cut = _beginnings(known, size) if test.operator == "prefix" else _endings(known, size)
        return nearest(test.value, cut)

    def _unknown_attribute(self, name: str) -> str:
        near = [_ATTRIBUTES_CALLED[name]] if name in _ATTRIBUTES_CALLED else nearest(name, self.world.attributes)
        added = "" if near else "; if K_CE_OVERRIDES adds it, say so with --extension"
        return f"no event has the attribute {name}{or_else(near)}{added}"

    def _wildcard(self, test: Comparison) -> str:
        bare = test.value.rstrip("*")
        if not bare:
            return f"{test.operator} knows no wildcard; for any {test.attribute}, leave it out"
        if test.operator == "exact" and not _WILDCARD.search(bare):
            return f"exact knows no wildcard; did you mean prefix: {{{test.attribute}: {bare}}}?"
        if test.operator == "exact" and not _WILDCARD.search(test.value.lstrip("*")):
            return f"exact knows no wildcard; did you mean suffix: {{{test.attribute}: {test.value.lstrip('*')}}}?"
        return f"{test.operator} knows no wildcard{or_else([test.value.strip('*')])}"

    def _special(self, test: Comparison) -> Finding | None:
        """The mistakes that have a better explanation than a list of values."""
        if test.operator != "exact":
            return None
        if test.attribute == "type":
            name = self.world.classes.get(test.value)
            return _warning(test, self._abstract(name)) if name and event_class(name).abstract else None
        if test.attribute == "subject" and ":" not in test.value:
            named = f"; did you mean eventname: {test.value}?" if test.value in all_classes() else ""
            return _error(test, f"subject is an object's type and id, such as VirtualMachine:vm-15{named}")
        if test.attribute == "eventancestors" and test.value in all_classes() and test.value != "Event":
            its = event_class(test.value)
            lineage = ",".join(("", *its.lineage) if its.abstract else its.lineage)
            near = f"did you mean suffix: {{eventancestors: '{lineage}'}}?"
            return _error(test, f"eventancestors lists every class; {near}")
        return None

    def _abstract(self, class_name: str) -> str:
        prefix = self.world.type_of(class_name).rpartition(".")[0]
        derived = f"; did you mean prefix: {{type: {prefix}.}}?" if self.world.event_format == "vcenter" else ""
        return f"{class_name} is a base class: vCenter sends those derived from it{derived}"

    def _by_value(self, test: Comparison) -> Finding | None:
        """Whether any event has such a value, and whether it is one that is known."""
        if test.attribute == "subject":
            return self._subject(test)
        known = self._known[test.attribute]
        if any(map(test.holds, known)):
            return None
        if not can_all([(test, True)], self.world.shapes):
            return self._never(test)
        if not known or (self._within_ids(test) and not self.world.ids):
            return None
        near = [] if test.operator == "like" else self.meant(test)
        if near:
            return _error(test, f"{_said(test)}{or_else(near)}")
        return _warning(test, f"{_said(test, 'no known event')}{self._unchecked(test)}")

    def _within_ids(self, test: Comparison) -> bool:
        """Whether it asks for a whole range of event type ids, which begin with a small letter."""
        head = self.world.type_of_id("").removesuffix(".v0") if test.attribute == "type" else ""
        rest = test.value.removeprefix(head)
        return test.operator == "prefix" and test.value.startswith(head) and (rest[:1].islower() or not rest)

    def _unchecked(self, test: Comparison) -> str:
        """What is to be said of a value that may be an event type id."""
        if test.attribute not in {"type", "eventname"}:
            return ""
        if self.world.ids:
            return ", nor does this vCenter list such an event type id"
        return "; with --vcenter it is compared with the event type ids of yours"

    def _never(self, test: Comparison) -> Finding:
        if self.foreign(test):
            return _warning(test, f"{test.value} is no {test.attribute} of this adapter")
        other = self.other.event_format
        if test.attribute == "type" and test.value.startswith(_HEADS[other]):
            return _error(test, f"{test.value} is sent with EVENT_FORMAT={other}{or_else(self._translated(test))}")
        return _error(test, f"{_said(test)}{or_else(self.meant(test))}{self._example(test)}")

    def _example(self, test: Comparison) -> str:
        known = sorted(self._known[test.attribute])
        few = 4
        if test.attribute == "source":
            return "; it is an address such as https://vcenter.example.com/sdk"
        return f"; it is {' or '.join(known)}" if len(known) <= few and known and not self.meant(test) else ""

    def _subject(self, test: Comparison) -> Finding | None:
        """An EventEx may be about anything, so only what looks like a slip is one."""
        named = test.value.partition(":")[0]
        types = object_types("ManagedObject")
        whole = ":" in test.value or test.operator == "exact"
        if test.operator not in {"exact", "prefix"} or not whole or named in types:
            return None
        near = nearest(named, types)
        return _error(test, f"{named} is no type of object{or_else(near)}") if near else None

    @cached_property
    def _known(self) -> dict[str, frozenset[str]]:
        """The values of each attribute that are known one by one."""
        ids, types = self.world.ids, frozenset(map(self.world.type_of_id, self.world.ids))
        found = {"eventname": set(ids), "type": set(types)}
        for shape in self.world.shapes:
            for name, values in shape.items():
                found.setdefault(name, set()).update(values.known or ())
        return {name: frozenset(values) for name, values in found.items()}

    def _translated(self, test: Comparison) -> list[str]:
        """What the value would be called here: a class's type, say, or that of an event type id."""
        value = test.value
        if test.attribute == "eventname":
            name = _class_called(value) or self.world.classes.get(value)
            return [name] if name else []
        if test.attribute != "type":
            called = _SEVERITIES_CALLED.get(value.lower()) if test.attribute == "severitytext" else None
            return [called] if called else []
        name = self.other.classes.get(test.value) or _class_called(test.value)
        if name:
            return [self.world.type_of(name)]
        bare = test.value.removeprefix(TYPE_PREFIX)
        event_type_id = bare != test.value and bare.startswith(("esx.", "vim.", "vprob.", "com.", "hbr."))
        return [self.world.type_of_id(bare)] if event_type_id else []


def _class_called(name: str) -> str | None:
    """The class of this name, "Event" left out or not, or of this topic of OpenFaaS's (``vm.powered.on``)."""
    for each in (name, f"{name}Event"):
        if each in all_classes():
            return each
    return next((each.name for each in all_classes().values() if each.topic == name and not each.abstract), None)


def _beginnings(values: Iterable[str], size: int) -> set[str]:
    """What values begin with, about as long as what was written, and up to their last dot."""
    lengths = {value[:length] for value in values for length in (size - 1, size, size + 1)}
    return lengths | {value[: value.rfind(".") + 1] for value in values}


def _endings(values: Iterable[str], size: int) -> set[str]:
    lengths = {value[-length:] for value in values for length in (size - 1, size, size + 1) if length > 0}
    return lengths | {value[value.rfind(".") :] for value in values if "." in value}


def _said(test: Comparison, who: str = "no event") -> str:
    how = {"prefix": "starts with", "suffix": "ends with", "like": "is LIKE"}.get(test.operator)
    if how is None:
        return f"{who} has the {test.attribute} {test.value}"
    return f"{who}'s {test.attribute} {how} {test.value}"


def _error(test: Comparison, message: str) -> Finding:
    return Finding(test.line, "error", message)


def _warning(test: Comparison, message: str) -> Finding:
    return Finding(test.line, "warning", message)
