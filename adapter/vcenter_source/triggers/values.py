"""What is wrong with one comparison of a filter: a value that no event has, and the one that was probably meant."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from vcenter_functions.spelling import closest_matches, did_you_mean
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.formats import TYPE_PREFIX, VEBA_PREFIX
from vcenter_source.events.metadata import object_types
from vcenter_source.events.short_types import expand_type
from vcenter_source.triggers.conditions import Comparison, can_all_hold
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.findings import Finding

_WILDCARD = re.compile(r"[*?%]")
_ATTRIBUTE_SYNONYMS = {
    "severity": "severitytext", "class": "eventname", "name": "eventname", "eventtype": "type", "object": "subject",
    "eventtypeid": "eventname", "ancestors": "eventancestors", "vcenter": "source", "apiversion": "vsphereapiversion",
}  # fmt: skip
_SEVERITY_SYNONYMS = {"warning": "WARN", "critical": "ERROR", "user": "INFO"}
_TYPE_PREFIXES = {"vcenter": TYPE_PREFIX, "veba": VEBA_PREFIX}
_MAX_EXAMPLES = 4


@dataclass(frozen=True)
class ValueChecker:
    """Checks comparisons against the events of one EVENT_FORMAT."""

    catalog: EventCatalog

    @cached_property
    def other(self) -> EventCatalog:
        """The events of the other EVENT_FORMAT."""
        return EventCatalog("veba" if self.catalog.event_format == "vcenter" else "vcenter")

    def check(self, comparison: Comparison) -> Finding | None:
        """Return what is wrong with a comparison; None where nothing is."""
        if comparison.attribute not in self.catalog.attributes:
            return _error(comparison, self._explain_attribute(comparison.attribute))
        if comparison.operator == "present":
            return None
        has_wildcard = comparison.operator != "like" and _WILDCARD.search(comparison.value)
        if has_wildcard and comparison.attribute not in self.catalog.extensions:
            return _error(comparison, self._explain_wildcard(comparison))
        return self._check_special(comparison) or self._check_value(comparison)

    def is_foreign(self, comparison: Comparison) -> bool:
        """Return whether a comparison asks for events of another source, whose values are unknown here."""
        if comparison.attribute == "source":
            return comparison.value.startswith(("/", "urn:"))
        if comparison.attribute != "type" or comparison.operator not in {"exact", "prefix"}:
            return False
        prefixes = tuple(_TYPE_PREFIXES.values())
        is_shared = comparison.operator == "prefix" and any(each.startswith(comparison.value) for each in prefixes)
        return not is_shared and not comparison.value.startswith(prefixes) and not self.suggest(comparison)

    def suggest(self, comparison: Comparison) -> list[str]:
        """Suggest values that were probably meant, in the form that the operator needs."""
        if comparison.attribute == "type" and comparison.operator in {"exact", "prefix"}:
            whole = expand_type(f"{comparison.value}{'*' if comparison.operator == 'prefix' else ''}").rstrip("*")
            if whole != comparison.value:
                return [whole]
        values, size = self._values[comparison.attribute], len(comparison.value)
        if comparison.operator in {"exact", "like"}:
            return self._translate(comparison) or closest_matches(comparison.value, values)
        parts = _beginnings(values, size) if comparison.operator == "prefix" else _endings(values, size)
        return closest_matches(comparison.value, parts)

    def _explain_attribute(self, name: str) -> str:
        synonym = _ATTRIBUTE_SYNONYMS.get(name)
        suggestions = [synonym] if synonym else closest_matches(name, self.catalog.attributes)
        hint = "" if suggestions else f"; if K_CE_OVERRIDES adds it, use --extension {name}"
        return f"no event has the attribute {name}{did_you_mean(suggestions)}{hint}"

    def _explain_wildcard(self, comparison: Comparison) -> str:
        problem = f"{comparison.operator} has no wildcards"
        value = expand_type(comparison.value) if comparison.attribute == "type" else comparison.value
        head, tail = value.rstrip("*"), value.lstrip("*")
        if not head:
            return f"{problem}; for any {comparison.attribute}, leave it out"
        if comparison.operator == "exact" and not _WILDCARD.search(head):
            return f"{problem}; did you mean prefix: {{{comparison.attribute}: {head}}}?"
        if comparison.operator == "exact" and not _WILDCARD.search(tail):
            return f"{problem}; did you mean suffix: {{{comparison.attribute}: {tail}}}?"
        return f"{problem}{did_you_mean([value.strip('*')])}"

    def _check_special(self, comparison: Comparison) -> Finding | None:
        """Find mistakes that have a better explanation than a list of values."""
        if comparison.operator != "exact":
            return None
        if comparison.attribute == "type":
            name = self.catalog.classes.get(comparison.value)
            return _warning(comparison, self._explain_abstract(name)) if name and event_class(name).abstract else None
        if comparison.attribute == "subject" and ":" not in comparison.value:
            hint = f"; did you mean eventname: {comparison.value}?" if comparison.value in all_classes() else ""
            return _error(comparison, f"subject is an object's type and id, such as VirtualMachine:vm-15{hint}")
        if comparison.attribute == "eventancestors" and comparison.value in all_classes().keys() - {"Event"}:
            entry = event_class(comparison.value)
            lineage = ",".join(("", *entry.lineage) if entry.abstract else entry.lineage)
            hint = f"did you mean suffix: {{eventancestors: '{lineage}'}}?"
            return _error(comparison, f"eventancestors lists a class and all its ancestors; {hint}")
        return None

    def _explain_abstract(self, class_name: str) -> str:
        prefix = self.catalog.type_of(class_name).rpartition(".")[0]
        hint = f"; did you mean prefix: {{type: {prefix}.}}?" if self.catalog.event_format == "vcenter" else ""
        return f"{class_name} is a base class: vCenter sends only the classes derived from it{hint}"

    def _check_value(self, comparison: Comparison) -> Finding | None:
        """Check whether any event can have such a value, and whether a known event has it."""
        if comparison.attribute == "subject":
            return self._check_subject(comparison)
        values = self._values[comparison.attribute]
        if any(map(comparison.holds, values)):
            return None
        if not can_all_hold([(comparison, True)], self.catalog.kinds):
            return self._explain_impossible(comparison)
        if not values or (self._is_id_range(comparison) and not self.catalog.ids):
            return None
        suggestions = [] if comparison.operator == "like" else self.suggest(comparison)
        if suggestions:
            return _error(comparison, f"{_state(comparison)}{did_you_mean(suggestions)}")
        return _warning(comparison, f"{_state(comparison, 'no known event')}{self._hint_ids(comparison)}")

    def _is_id_range(self, comparison: Comparison) -> bool:
        """Whether it is a prefix of many event type ids, which begin with a lower-case letter."""
        prefix = self.catalog.type_of_id("").removesuffix(".v0") if comparison.attribute == "type" else ""
        if comparison.operator != "prefix" or not comparison.value.startswith(prefix):
            return False
        rest = comparison.value.removeprefix(prefix)
        return not rest or rest[0].islower()

    def _hint_ids(self, comparison: Comparison) -> str:
        """Add what matters for a value that may be an event type id."""
        if comparison.attribute not in {"type", "eventname"}:
            return ""
        if self.catalog.ids:
            return ", nor does this vCenter list such an event type id"
        return "; with --vcenter it is compared with your vCenter's event type ids"

    def _explain_impossible(self, comparison: Comparison) -> Finding:
        if self.is_foreign(comparison):
            return _warning(
                comparison, f"this adapter sends no event with the {comparison.attribute} {comparison.value}"
            )
        other = self.other.event_format
        if comparison.attribute == "type" and comparison.value.startswith(_TYPE_PREFIXES[other]):
            translation = did_you_mean(self._translate(comparison))
            return _error(comparison, f"{comparison.value} is sent with EVENT_FORMAT={other}{translation}")
        suggestions = did_you_mean(self.suggest(comparison))
        return _error(comparison, f"{_state(comparison)}{suggestions or self._give_examples(comparison)}")

    def _give_examples(self, comparison: Comparison) -> str:
        if comparison.attribute == "source":
            return "; it is an address such as https://vcenter.example.com/sdk"
        values = sorted(self._values[comparison.attribute])
        return f"; it is {' or '.join(values)}" if 0 < len(values) <= _MAX_EXAMPLES else ""

    def _check_subject(self, comparison: Comparison) -> Finding | None:
        """Find a misspelt type of object. An EventEx may be about anything, so only what looks misspelt is an error."""
        name, types = comparison.value.partition(":")[0], object_types("ManagedObject")
        is_whole = ":" in comparison.value or comparison.operator == "exact"
        if comparison.operator not in {"exact", "prefix"} or not is_whole or name in types:
            return None
        suggestions = closest_matches(name, types)
        return (
            _error(comparison, f"vCenter has no objects of type {name}{did_you_mean(suggestions)}")
            if suggestions
            else None
        )

    @cached_property
    def _values(self) -> dict[str, frozenset[str]]:
        """The values of each attribute that can be listed."""
        ids, types = self.catalog.ids, frozenset(map(self.catalog.type_of_id, self.catalog.ids))
        listed = {"eventname": set(ids), "type": set(types)}
        for kind in self.catalog.kinds:
            for name, domain in kind.items():
                listed.setdefault(name, set()).update(domain.values or ())
        return {name: frozenset(values) for name, values in listed.items()}

    def _translate(self, comparison: Comparison) -> list[str]:
        """Translate a value to what it is called here: the type of a class, say, or that of an event type id."""
        value = comparison.value
        match comparison.attribute:
            case "eventname":
                translation = _find_class(value) or self.catalog.classes.get(value)
            case "severitytext":
                translation = _SEVERITY_SYNONYMS.get(value.lower())
            case "type":
                translation = self._translate_type(value)
            case _:
                translation = None
        return [translation] if translation else []

    def _translate_type(self, value: str) -> str | None:
        name = self.other.classes.get(value) or _find_class(value)
        if name:
            return self.catalog.type_of(name)
        bare = value.removeprefix(TYPE_PREFIX)
        is_id = bare != value and bare.startswith(("esx.", "vim.", "vprob.", "com.", "hbr."))
        return self.catalog.type_of_id(bare) if is_id else None


def _find_class(name: str) -> str | None:
    """Find the class with this name, with or without "Event", or with this topic of OpenFaaS (``vm.powered.on``)."""
    for each in (name, f"{name}Event"):
        if each in all_classes():
            return each
    return next((each.name for each in all_classes().values() if each.topic == name and not each.abstract), None)


def _beginnings(values: Iterable[str], size: int) -> set[str]:
    """Return the beginnings of values: those of about this size, and those up to the last dot."""
    lengths = {value[:length] for value in values for length in (size - 1, size, size + 1)}
    return lengths | {value[: value.rfind(".") + 1] for value in values}


def _endings(values: Iterable[str], size: int) -> set[str]:
    """Return the ends of values: those of about this size, and those from the last dot on."""
    lengths = {value[-length:] for value in values for length in (size - 1, size, size + 1) if length > 0}
    return lengths | {value[value.rfind(".") :] for value in values if "." in value}


def _state(comparison: Comparison, subject: str = "no event") -> str:
    verb = {"prefix": "starts with", "suffix": "ends with", "like": "is LIKE"}.get(comparison.operator)
    if verb is None:
        return f"{subject} has the {comparison.attribute} {comparison.value}"
    return f"{subject}'s {comparison.attribute} {verb} {comparison.value}"


def _error(comparison: Comparison, message: str) -> Finding:
    return Finding(comparison.line, "error", message)


def _warning(comparison: Comparison, message: str) -> Finding:
    return Finding(comparison.line, "warning", message)
