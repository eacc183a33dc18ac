"""SOAP inwards: a request's method, its target and its arguments as pyVmomi's values."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

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

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class _Builder(ET.TreeBuilder):
    """Refuses a document type: SOAP forbids it (SOAP 1.1, section 3), and entities in it can grow without bound."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002  ElementTree's signature
        raise MalformedError("a document type declaration is not allowed")


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """One call as it came in: the method's name on the wire, the target's type and id, the element with the rest."""

    method: str
    kind: str
    moid: str
    element: ET.Element

    def read_arguments(self, info: Any) -> list[Any]:
        """The arguments in the method's own order, None for what is not given. Raises InvalidRequest."""
        given = _by_name(self.element)
        return [_field(param, given.get(param.name, [])) for param in parameters_of(info)]

    def read_property(self) -> str:
        """What Fetch reads; it is how pyVmomi reads a single property, and no method of any type."""
        return "".join(child.text or "" for child in self.element if _local(child.tag) == "prop")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def parse(body: bytes) -> SoapRequest:
    """Read an envelope. Raises MalformedError."""
    try:
        root = ET.fromstring(body, ET.XMLParser(target=_Builder()))  # noqa: S314  the builder refuses entities
    except ET.ParseError as exc:
        raise MalformedError(f"not XML: {exc}") from exc
    element = root.find(f"{_ENVELOPE}Body/*")
    if element is None:
        raise MalformedError("no call in the envelope's body")
    target = next((child for child in element if _local(child.tag) == "_this"), None)
    if target is None:
        raise MalformedError("no _this in the call")
    return SoapRequest(_local(element.tag), target.get("type", ""), (target.text or "").strip(), element)


def _by_name(element: ET.Element) -> dict[str, list[ET.Element]]:
    given: dict[str, list[ET.Element]] = {}
    for child in element:
        given.setdefault(_local(child.tag), []).append(child)
    return given


def _field(info: Any, elements: list[ET.Element]) -> Any:
    kind: Any = info.type
    if issubclass(kind, types.Array):
        return kind([decode(element, kind.Item) for element in elements])
    return decode(elements[-1], kind) if elements else None


def decode(element: ET.Element, declared: Any) -> Any:
    """An element as a value of its declared type, or of the type that its xsi:type says."""
    kind = _actual(element, declared)
    try:
        return _value(element, kind)
    except (KeyError, ValueError, TypeError) as exc:
        raise vmodl.fault.InvalidRequest(msg=f"{_local(element.tag)}: {exc}") from exc


def _actual(element: ET.Element, declared: Any) -> Any:
    name = (element.get(_XSI_TYPE) or "").rpartition(":")[2]
    if issubclass(declared, types.ManagedObject) or name == "ManagedObjectReference":
        return find_type(element.get("type") or "ManagedObject")
    if name:
        return find_type(name)
    return str if declared is object else declared


def _value(element: ET.Element, kind: Any) -> Any:
    for base, read in _READERS:
        if issubclass(kind, base):
            return read(element, kind)
    raise TypeError(f"no value of {kind.__name__} can be read")


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()


def _fault(element: ET.Element, kind: Any) -> Any:
    """A fault in a data object travels in a LocalizedMethodFault; pyVmomi's property holds the fault itself."""
    inner = next((child for child in element if _local(child.tag) == "fault"), None)
    if inner is None:
        return _data_object(element, kind)
    found = decode(inner, kind)
    found.msg = next((child.text for child in element if _local(child.tag) == "localizedMessage"), None)
    return found


def _data_object(element: ET.Element, kind: Any) -> Any:
    given = _by_name(element)
    fields = properties_of(kind)
    if unknown := next((name for name in given if name not in fields), None):
        raise vmodl.fault.InvalidRequest(msg=f"{kind.__name__} has no property {unknown}")
    return kind(**{name: _field(fields[name], elements) for name, elements in given.items()})


def _boolean(element: ET.Element, _kind: Any) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[_text(element)]


# The first base class that fits decides, so bool stands before int and the faults before other data objects.
_READERS: tuple[tuple[Any, Callable[[ET.Element, Any], Any]], ...] = (
    (types.Array, lambda element, kind: kind([decode(child, kind.Item) for child in element])),
    (types.ManagedObject, lambda element, kind: kind(_text(element))),
    (vmodl.MethodFault, _fault),
    (types.DataObject, _data_object),
    (types.Enum, lambda element, kind: enum_value(kind, _text(element))),
    (bool, _boolean),
    (int, lambda element, kind: kind(_text(element))),
    (float, lambda element, kind: kind(_text(element))),
    (datetime, lambda element, _kind: parse_time(_text(element))),
    (bytes, lambda element, kind: kind(base64.b64decode(_text(element)))),
    (str, lambda element, kind: kind(element.text or "")),
    (type, lambda element, _kind: find_type(_text(element))),
    (types.ManagedMethod, lambda element, _kind: types.GetWsdlMethod(NAMESPACE, _text(element))),
)
