"""VI/JSON inwards: a request's arguments as pyVmomi's values.

A real vCenter (8.0.3) takes an object without ``_typeName`` for a reference, and refuses it for its other fields
(github.com/evoila/meho/issues/3103); so does this one. What is any-typed comes in a box: ``_typeName`` and ``_value``.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vcenter_simulator.call import MalformedError
from vcenter_simulator.vmomi import (
    NAMESPACE,
    enum_value,
    find_type,
    parameters_of,
    parse_time,
    properties_of,
    types,
    vmodl,
)

_REFERENCE = "ManagedObjectReference"
_REFERENCE_FIELDS = {"_typeName", "type", "value", "serverGuid"}


@dataclass(frozen=True, slots=True)
class JsonRequest:
    """One call as it came in. ``body`` has the arguments of a method; None reads the property of that name."""

    kind: str
    moid: str
    name: str
    body: bytes | None

    @property
    def method(self) -> str:
        """The method's name on the wire; a property is fetched, as over SOAP."""
        return "Fetch" if self.body is None else self.name

    def read_arguments(self, info: Any) -> list[Any]:
        """The arguments in the method's own order, None for what is not given. Raises InvalidRequest."""
        given = _parse(self.body or b"")
        return [_read_field(param, given.get(param.name), param.name) for param in parameters_of(info)]

    def read_property(self) -> str:
        """The property that a GET reads."""
        return self.name


def _parse(body: bytes) -> dict[str, Any]:
    try:
        arguments = json.loads(body) if body.strip() else {}
    except ValueError as exc:
        raise MalformedError(f"not JSON: {exc}") from exc
    if not isinstance(arguments, dict):
        raise MalformedError("the arguments must be one JSON object")
    return arguments


def _read_field(info: Any, value: Any, name: str) -> Any:
    if value is None:
        return info.type() if issubclass(info.type, types.Array) else None
    return read_value(value, info.type, name)


def read_value(value: Any, declared: Any, name: str) -> Any:
    """A value of its declared type, or of the type that its ``_typeName`` says. Raises InvalidRequest."""
    kind, value = _unwrap(value, declared)
    try:
        for base, read in _READERS:
            if issubclass(kind, base):
                return read(value, kind)
    except (KeyError, ValueError, TypeError) as exc:
        raise vmodl.fault.InvalidRequest(msg=f"{name}: {exc}") from exc
    raise vmodl.fault.InvalidRequest(msg=f"{name}: no value of {kind.__name__} can be read")


def _unwrap(value: Any, declared: Any) -> tuple[Any, Any]:
    """What a value's type is, and the value without its box."""
    if not isinstance(value, dict):
        if declared is object:
            raise vmodl.fault.InvalidArgument(msg=f"An any-typed value must say its type: {value!r}")
        return declared, value
    name = value.get("_typeName", _REFERENCE)
    if name == _REFERENCE:
        return types.ManagedObject, value
    if "_value" in value:
        return _find_boxed_type(name), value["_value"]
    return find_type(name), value


def _find_boxed_type(name: str) -> Any:
    if name == f"ArrayOf{_REFERENCE}":
        return types.ManagedObject.Array
    return find_type({"binary": "base64Binary"}.get(name, name))


def _read_reference(value: Any, _kind: Any) -> Any:
    if unknown := next((field for field in value if field not in _REFERENCE_FIELDS), None):
        raise vmodl.fault.InvalidArgument(msg=f"Invalid MoRef field: {unknown}")
    if missing := {"type", "value"} - set(value):
        raise vmodl.fault.InvalidArgument(msg=f"Invalid MoRef: no {min(missing)}")
    return find_type(value["type"])(value["value"])


def _read_array(value: Any, kind: Any) -> Any:
    if not isinstance(value, list):
        raise TypeError("not a list")  # the caller names the field
    return kind([read_value(each, kind.Item, f"[{number}]") for number, each in enumerate(value)])


def _read_data_object(value: Any, kind: Any) -> Any:
    fields = properties_of(kind)
    given = {name: each for name, each in value.items() if name != "_typeName" and each is not None}
    if unknown := next((name for name in given if name not in fields), None):
        raise vmodl.fault.InvalidRequest(msg=f"{kind.__name__} has no property {unknown}")
    return kind(**{name: read_value(each, fields[name].type, name) for name, each in given.items()})


def _read_fault(value: Any, kind: Any) -> Any:
    """A fault stands for itself, with its message; SOAP wraps it in a LocalizedMethodFault."""
    found = _read_data_object({name: each for name, each in value.items() if name != "faultstring"}, kind)
    found.msg = value.get("faultstring")
    return found


def _exactly(accepted: type | tuple[type, ...], convert: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Read only this JSON type: a boolean is no number, and a number in a string is none either."""

    def read(value: Any, kind: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and accepted is not bool):
            raise TypeError(f"{value!r} is not of type {kind.__name__}")
        return convert(value, kind)

    return read


# The first base class that fits decides, so bool stands before int and the faults before other data objects.
_READERS: tuple[tuple[Any, Callable[[Any, Any], Any]], ...] = (
    (types.Array, _read_array),
    (types.ManagedObject, _exactly(dict, _read_reference)),
    (vmodl.MethodFault, _exactly(dict, _read_fault)),
    (types.DataObject, _exactly(dict, _read_data_object)),
    (types.Enum, _exactly(str, lambda value, kind: enum_value(kind, value))),
    (bool, _exactly(bool, lambda value, _kind: value)),
    (int, _exactly(int, lambda value, kind: kind(value))),
    (float, _exactly((int, float), lambda value, kind: kind(value))),
    (datetime, _exactly(str, lambda value, _kind: parse_time(value))),
    (bytes, _exactly(str, lambda value, kind: kind(base64.b64decode(value)))),
    (str, _exactly(str, lambda value, kind: kind(value))),
    (type, _exactly(str, lambda value, _kind: find_type(value))),
    (types.ManagedMethod, _exactly(str, lambda value, _kind: types.GetWsdlMethod(NAMESPACE, value))),
)
