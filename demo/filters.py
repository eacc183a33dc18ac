"""Whether a Trigger wants an event: Knative's filters as a pure function of the filter and the event's attributes.

Read from knative/eventing 1.22: ``filters`` replaces ``filter`` where both are set, its elements must all pass, and
an attribute that the event does not carry passes nothing, not even ``""`` (any value). Values are compared as strings.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Attributes: TypeAlias = Mapping[str, str]
Filter: TypeAlias = Mapping[str, Any]

ANY_VALUE = ""


class FilterError(ValueError):
    """A filter that Knative's webhook would refuse, or that this Broker cannot evaluate. The message says which."""


def trigger_matches(spec: Mapping[str, Any], attributes: Attributes) -> bool:
    """Tell whether a Trigger with this ``spec`` wants an event with these ``attributes``; no filter wants all."""
    if spec.get("filters"):
        return all(passes(element, attributes) for element in spec["filters"])
    wanted = (spec.get("filter") or {}).get("attributes") or {}
    return all(_has(attributes, name, value) for name, value in wanted.items())


def passes(element: Filter, attributes: Attributes) -> bool:
    """Tell whether an event passes one element of ``filters``, which ``check_trigger`` has checked."""
    ((dialect, argument),) = element.items()
    return _DIALECTS[dialect](argument, attributes)


def check_trigger(spec: Mapping[str, Any]) -> None:
    """Refuse what cannot be evaluated, before any event arrives.

    Raises FilterError.
    """
    for element in spec.get("filters") or []:
        _check(element)
    _check_values("filter.attributes", (spec.get("filter") or {}).get("attributes") or {}, may_be_any=True)


def describe(spec: Mapping[str, Any]) -> str:
    """Describe the filter in one line: ``type = com.example.made``; ``every event`` for none."""
    if spec.get("filters"):
        return " and ".join(_describe(element) for element in spec["filters"])
    wanted = (spec.get("filter") or {}).get("attributes") or {}
    parts = [f"{name} = {value}" if value != ANY_VALUE else f"any {name}" for name, value in wanted.items()]
    return " and ".join(parts) or "every event"


def _has(attributes: Attributes, name: str, value: str) -> bool:
    found = attributes.get(name, "")
    return found != "" if value == ANY_VALUE else found == value


def _exact(argument: Mapping[str, str], attributes: Attributes) -> bool:
    return all(attributes.get(name) == value for name, value in argument.items())


def _prefix(argument: Mapping[str, str], attributes: Attributes) -> bool:
    return all(name in attributes and attributes[name].startswith(value) for name, value in argument.items())


def _suffix(argument: Mapping[str, str], attributes: Attributes) -> bool:
    return all(name in attributes and attributes[name].endswith(value) for name, value in argument.items())


def _all(argument: Sequence[Filter], attributes: Attributes) -> bool:
    return all(passes(element, attributes) for element in argument)


def _any(argument: Sequence[Filter], attributes: Attributes) -> bool:
    return any(passes(element, attributes) for element in argument)


def _not(argument: Filter, attributes: Attributes) -> bool:
    return not passes(argument, attributes)


_DIALECTS: dict[str, Callable[[Any, Attributes], bool]] = {
    "exact": _exact,
    "prefix": _prefix,
    "suffix": _suffix,
    "all": _all,
    "any": _any,
    "not": _not,
}


def _check(element: Any) -> None:
    if not isinstance(element, Mapping) or len(element) != 1:
        raise FilterError(f"each element of filters names exactly one dialect, not {element!r}")
    ((dialect, argument),) = element.items()
    if dialect == "cesql":
        raise FilterError("the local Broker does not evaluate cesql; use exact, prefix, suffix, all, any, not")
    if dialect not in _DIALECTS:
        raise FilterError(f"{dialect!r} is not a filter dialect; the known ones are {', '.join(_DIALECTS)}")
    _check_argument(dialect, argument)


def _check_argument(dialect: str, argument: Any) -> None:
    if dialect == "not":
        _check(argument)
    elif dialect in {"all", "any"}:
        if not isinstance(argument, list) or not argument:
            raise FilterError(f"{dialect} takes a list of at least one filter")
        for element in argument:
            _check(element)
    else:
        _check_values(dialect, argument, may_be_any=False)


def _check_values(where: str, argument: Any, *, may_be_any: bool) -> None:
    if not isinstance(argument, Mapping) or not (argument or may_be_any):
        raise FilterError(f"{where} takes attribute names with their values, not {argument!r}")
    for name, value in argument.items():
        # YAML reads an unquoted number or yes as something else; Kubernetes refuses it, so the demo does too.
        if not isinstance(value, str) or not (value or may_be_any):
            raise FilterError(f"{where}: the value of {name} must be a string, not {value!r}")


def _describe(element: Filter) -> str:
    ((dialect, argument),) = element.items()
    if dialect == "not":
        return f"not ({_describe(argument)})"
    if dialect in {"all", "any"}:
        joined = (" and " if dialect == "all" else " or ").join(_describe(part) for part in argument)
        return f"({joined})"
    sign = {"exact": "=", "prefix": "starts with", "suffix": "ends with"}[dialect]
    return " and ".join(f"{name} {sign} {value}" for name, value in argument.items())
