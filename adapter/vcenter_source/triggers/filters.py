"""The filters of a Trigger's manifest as one condition, and what is wrong with the way they are written.

As knative/eventing 1.22 does it: ``filters`` replaces ``filter`` where both are set, all its elements must pass, and an
empty element is ignored, so that the Trigger gets more events than was meant.
"""

import re
from dataclasses import dataclass, field

import yaml

from vcenter_functions.spelling import closest_matches, did_you_mean, is_one_slip
from vcenter_source.triggers.cesql.analysis import find_condition
from vcenter_source.triggers.cesql.grammar import CesqlSyntaxError, parse_cesql
from vcenter_source.triggers.conditions import And, Comparison, Condition, Expression, Not, Or, Unknown
from vcenter_source.triggers.findings import Finding

DIALECTS = ("exact", "prefix", "suffix", "all", "any", "not", "cesql")
IGNORED = "Knative ignores such a filter"
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9]*")  # what Knative's webhook accepts
_MERGE = "tag:yaml.org,2002:merge"  # <<, which nobody writes in a filter
_TEXT = "tag:yaml.org,2002:str"


@dataclass
class FilterReader:
    """Reads one Trigger's ``spec``, and collects what is wrong with it in ``findings``."""

    findings: list[Finding] = field(default_factory=list)

    def read_spec(self, spec: yaml.Node) -> Condition:
        """Return the condition that an event must meet; an empty ``And`` for a Trigger without filters."""
        fields = self._read_fields(spec)
        for name, (key, _) in fields.items():
            if name not in {"filter", "filters"} and (is_one_slip(name, "filter") or is_one_slip(name, "filters")):
                self._error(key, f"a Trigger has no {name}{did_you_mean(['filter', 'filters'])}")
        filters, single = fields.get("filters"), fields.get("filter")
        if filters and _has_content(filters[1]):
            if single:
                self.findings.append(Finding(_line(single[0]), "warning", "filter is ignored where filters is set"))
            return self._read_list("filters", filters[1])
        return self._read_filter(single[1]) if single and _has_content(single[1]) else And((), _line(spec))

    def _read_filter(self, node: yaml.Node) -> Condition:
        """Read ``filter``, which compares exactly; the value "" stands for any."""
        fields = self._read_fields(node)
        for name, (key, _) in fields.items():
            if name != "attributes":
                self._error(key, f"filter has attributes only: put {name} under attributes")
        attributes = fields.get("attributes")
        return self._read_attributes("attributes", attributes[1]) if attributes else And((), _line(node))

    def _read_element(self, node: yaml.Node) -> Condition:
        """Read one element of ``filters``, ``all`` or ``any``, or the content of ``not``."""
        fields = self._read_fields(node)
        if len(fields) > 1:
            self._error(node, f"an element has one dialect: make {' and '.join(fields)} elements of their own")
        for name, (key, value) in fields.items():
            if name in DIALECTS:
                return self._read_dialect(name, key, value)
            near = ["exact"] if name == "attributes" else closest_matches(name, DIALECTS)
            hint = did_you_mean(near) or f"; the dialects are {', '.join(DIALECTS)}"
            self._error(key, f"unknown filter dialect {name}{hint}")
        if not fields and isinstance(node, yaml.MappingNode):
            self._error(node, f"the element is empty: {IGNORED}")
        return Unknown(_line(node))

    def _read_dialect(self, name: str, key: yaml.Node, value: yaml.Node) -> Condition:
        """Read the content of a dialect."""
        if not _has_content(value) and name != "not":
            self._error(key, f"{name} is empty: {IGNORED}")
            return Unknown(_line(key))
        if name == "not":
            return Not(self._read_element(value), _line(key))
        if name == "cesql":
            return self._read_cesql(value)
        return self._read_list(name, value) if name in {"all", "any"} else self._read_attributes(name, value)

    def _read_cesql(self, node: yaml.Node) -> Condition:
        """Read a CESQL expression."""
        text, line = self._read_string("cesql", node), _line(node)
        if text is None:
            return Unknown(line)
        try:
            tree = parse_cesql(text)
        except CesqlSyntaxError as exc:
            self._error(node, f"cesql: {exc}")
        except RecursionError:  # Knative may be able to evaluate it
            return Unknown(line)
        else:
            return Expression(find_condition(tree, line), tree, line)
        return Unknown(line)

    def _read_list(self, name: str, node: yaml.Node) -> Condition:
        """Read a list of filters: ``filters``, ``all`` and ``any``."""
        if not isinstance(node, yaml.SequenceNode):
            self._error(node, f"{name} must be a list of filters, each beginning with a dash")
            return Unknown(_line(node))
        parts = tuple(self._read_element(part) for part in node.value)
        return (Or if name == "any" else And)(parts, _line(node))

    def _read_attributes(self, dialect: str, node: yaml.Node) -> Condition:
        """Read names and values, all of which must match: the content of ``exact``, ``prefix`` and the like."""
        parts: list[Condition] = []
        for name, (key, value) in self._read_fields(node).items():
            if not _ATTRIBUTE_NAME.fullmatch(name):
                hint = _suggest_name(name)
                self._error(key, f"{name} cannot be an attribute: names have only lower-case letters and digits{hint}")
                parts.append(Unknown(_line(key)))
            else:
                text = self._read_string(name, value)
                parts.append(Unknown(_line(key)) if text is None else self._comparison(dialect, name, text, value))
        return And(tuple(parts), _line(node)) if parts else Unknown(_line(node))

    def _comparison(self, dialect: str, name: str, text: str, node: yaml.Node) -> Condition:
        """Return the comparison that one name and its value state."""
        match dialect:
            case "attributes":
                return Comparison("exact" if text else "present", name, text, _line(node))
            case "prefix" | "suffix" | "exact" if text:
                return Comparison(dialect, name, text, _line(node))
        self._error(node, f"the value of {name} is empty: {IGNORED}")
        return Unknown(_line(node))

    def _read_string(self, name: str, node: yaml.Node) -> str | None:
        """Read a value, which must be a string; Kubernetes rejects a number, and what YAML reads as a boolean."""
        if isinstance(node, yaml.ScalarNode) and node.tag == _TEXT:
            return str(node.value)
        shown = f': write "{node.value}"' if isinstance(node, yaml.ScalarNode) and node.value else ""
        self._error(node, f"the value of {name} must be a string{shown}")
        return None

    def _read_fields(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return a mapping's keys and values by name."""
        fields: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        if not isinstance(node, yaml.MappingNode):
            self._error(node, "expected a mapping of names to values")
            return fields
        for key, value in node.value:
            name = "" if key.tag == _MERGE else str(key.value)
            if name in fields:
                self._error(key, f"{name} is here twice, and only one of them counts; to allow either value, use any")
            fields[name] = key, value
        fields.pop("", None)
        return fields

    def _error(self, node: yaml.Node, message: str) -> None:
        """Add an error at this place."""
        self.findings.append(Finding(_line(node), "error", message))


def _suggest_name(name: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return did_you_mean([letters] if letters else [])


def _has_content(node: yaml.Node) -> bool:
    """Whether there is anything: not null, and no empty list, mapping or text."""
    return bool(node.value) and node.tag != "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
