"""The filters of a Trigger's manifest as one condition, and what is wrong with the way they are written.

Read from knative/eventing 1.22: ``filters`` replaces ``filter`` where both are set, its elements must all pass, and an
element that holds nothing is passed over as if it were not there, so that the Trigger gets more than was meant.
"""

import re
from dataclasses import dataclass, field

import yaml

from vcenter_source.triggers.cesql import condition_of
from vcenter_source.triggers.conditions import Comparison, Condition, Every, Not, Some, Unclear
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.suggestions import nearest, one_slip, or_else

DIALECTS = ("exact", "prefix", "suffix", "all", "any", "not", "cesql")
PASSED_OVER = "Knative passes the filter over, as if it were not there"
_NAME = re.compile(r"[a-z][a-z0-9]*")  # what Knative's webhook takes
_MERGE = "tag:yaml.org,2002:merge"  # <<, which nobody writes in a filter
_TEXT = "tag:yaml.org,2002:str"


@dataclass
class Reading:
    """Reads one Trigger's ``spec``; what is wrong with it is in ``findings``."""

    findings: list[Finding] = field(default_factory=list)

    def condition(self, spec: yaml.Node) -> Condition:
        """What an event has to meet; the empty ``Every`` for a Trigger that takes all."""
        fields = self.fields(spec)
        for name, (key, _) in fields.items():
            if name not in {"filter", "filters"} and (one_slip(name, "filter") or one_slip(name, "filters")):
                self.error(key, f"a Trigger has no {name}{or_else(['filter', 'filters'])}")
        both = fields.get("filters"), fields.get("filter")
        if both[0] and both[1] and _filled(both[0][1]):
            self.findings.append(Finding(_line(both[1][0]), "warning", "filter is ignored where filters is set"))
        if both[0] and _filled(both[0][1]):
            return self.all_of("filters", both[0][1])
        return self.attributes(both[1][1]) if both[1] and _filled(both[1][1]) else Every((), _line(spec))

    def attributes(self, node: yaml.Node) -> Condition:
        """``filter``, which compares exactly, and "" is any value."""
        fields = self.fields(node)
        for name, (key, _) in fields.items():
            if name != "attributes":
                self.error(key, f"filter knows attributes alone: put {name} under it")
        found = fields.get("attributes")
        return self.tests("attributes", found[1]) if found else Every((), _line(node))

    def element(self, node: yaml.Node) -> Condition:
        """One element of ``filters``, ``all`` or ``any``, or what ``not`` holds."""
        fields = self.fields(node)
        if len(fields) > 1:
            self.error(node, f"one dialect an element: {' and '.join(fields)} have to be elements of their own")
        for name, (key, value) in fields.items():
            if name in DIALECTS:
                return self.dialect(name, key, value)
            near = ["exact"] if name == "attributes" else nearest(name, DIALECTS)
            self.error(key, f"{name} is no dialect of filters{or_else(near)}; known are {', '.join(DIALECTS)}")
        if not fields and isinstance(node, yaml.MappingNode):
            self.error(node, f"an empty element: {PASSED_OVER}")
        return Unclear(_line(node))

    def dialect(self, name: str, key: yaml.Node, value: yaml.Node) -> Condition:
        """What stands under the name of a dialect."""
        if not _filled(value) and name != "not":
            self.error(key, f"{name} is empty: {PASSED_OVER}")
            return Unclear(_line(key))
        if name == "not":
            return Not(self.element(value), _line(key))
        if name == "cesql":
            text = self.text(name, value)
            return Unclear(_line(key)) if text is None else condition_of(text, _line(value))
        return self.all_of(name, value) if name in {"all", "any"} else self.tests(name, value)

    def all_of(self, name: str, node: yaml.Node) -> Condition:
        """A list of filters: ``filters``, ``all`` and ``any``."""
        if not isinstance(node, yaml.SequenceNode):
            self.error(node, f"{name} is a list of filters, each beginning with a dash")
            return Unclear(_line(node))
        parts = tuple(self.element(part) for part in node.value)
        return (Some if name == "any" else Every)(parts, _line(node))

    def tests(self, dialect: str, node: yaml.Node) -> Condition:
        """Names with their values, which must all be met: what stands under ``exact``, ``prefix`` and the like."""
        parts: list[Condition] = []
        for name, (key, value) in self.fields(node).items():
            if not _NAME.fullmatch(name):
                self.error(key, f"{name} is no name of an attribute: only small letters and digits{_small(name)}")
                parts.append(Unclear(_line(key)))
            else:
                text = self.text(name, value)
                parts.append(Unclear(_line(key)) if text is None else self.test(dialect, name, text, value))
        return Every(tuple(parts), _line(node)) if parts else Unclear(_line(node))

    def test(self, dialect: str, name: str, text: str, node: yaml.Node) -> Condition:
        """One name and its value."""
        match dialect:
            case "attributes":
                return Comparison("exact" if text else "present", name, text, _line(node))
            case "prefix" | "suffix" | "exact" if text:
                return Comparison(dialect, name, text, _line(node))
        self.error(node, f"the value of {name} is empty: {PASSED_OVER}")
        return Unclear(_line(node))

    def text(self, name: str, node: yaml.Node) -> str | None:
        """A value, which must be a string; Kubernetes refuses a number, and what YAML reads as a boolean."""
        if isinstance(node, yaml.ScalarNode) and node.tag == _TEXT:
            return str(node.value)
        shown = f': write "{node.value}"' if isinstance(node, yaml.ScalarNode) and node.value else ""
        self.error(node, f"the value of {name} must be a string{shown}")
        return None

    def fields(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """A mapping's keys and values by name."""
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        if not isinstance(node, yaml.MappingNode):
            self.error(node, "names with values belong here")
            return found
        for key, value in node.value:
            name = "" if key.tag == _MERGE else str(key.value)
            if name in found:
                self.error(key, f"{name} stands here twice, and only one of them counts; for either value use any")
            found[name] = key, value
        found.pop("", None)
        return found

    def error(self, node: yaml.Node, message: str) -> None:
        """Note what is wrong at this place."""
        self.findings.append(Finding(_line(node), "error", message))


def _small(name: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return or_else([letters] if letters else [])


def _filled(node: yaml.Node) -> bool:
    """Whether there is anything: not null, and no empty list, mapping or text."""
    return bool(node.value) and node.tag != "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
