"""Convert one element of vSphere's SOAP to its value in VI/JSON, whatever unknown types it holds.

Each type has a table of its properties, filled from the metadata when first seen. What is in no table is kept by
guesswork: text stays text, an element with children becomes an object, a repeated one a list.

Shapes follow VMware's published VI/JSON (developer.broadcom.com, Virtual Infrastructure JSON API): ``_typeName`` on
every object, any-typed values boxed, a fault itself where SOAP wraps it in a LocalizedMethodFault, with the localized
message as its ``faultstring``, which is where VI/JSON's own errors have it. Times stay the wire's ISO strings,
binaries base64.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from vcenter_source.events.metadata import Property, ValueKind, vsphere_type

Decode = Callable[[Element], Any]

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

_INT64 = 1 << 63
_BOXED_NAMES = {"base64Binary": "binary"}  # VI/JSON calls primitives what XML Schema does, but for this one
_ONE, _MANY, _UNKNOWN = range(3)  # how often a child may stand in its parent


@functools.cache
def local(name: str) -> str:
    """Return a name without its namespace: ``{urn:vim25}key``, ``vim25:VmEvent``."""
    return name.rpartition("}")[2].rpartition(":")[2]


class _Fields(dict[str, tuple[str, Decode | None, int]]):
    """How to decode each child of a type, by tag: its name, its decoder (None: text), and how often it may stand."""

    def __init__(self, properties: Mapping[str, Property]) -> None:
        super().__init__()
        self._properties = properties

    def __missing__(self, tag: str) -> tuple[str, Decode | None, int]:
        name = local(tag)
        declared = self._properties.get(name)
        field = (
            (name, _guess, _UNKNOWN)
            if declared is None
            else (name, _decoder(declared.kind, declared.type_name), _MANY if declared.repeated else _ONE)
        )
        self[tag] = field
        return field


def _object(type_name: str | None, properties: Mapping[str, Property]) -> Decode:
    """Build a decoder for elements of exactly this type; None is an unknown type."""
    fields = _Fields(properties)
    head = {} if type_name is None else {"_typeName": type_name}

    def decode(element: Element) -> dict[str, Any]:
        data: dict[str, Any] = head.copy()
        for child in element:
            name, decode_child, often = fields[child.tag]
            value = decode_child(child) if decode_child else child.text or ""
            if often == _ONE or (often == _UNKNOWN and name not in data):
                data[name] = value
            elif often == _MANY or isinstance(data[name], list):
                data.setdefault(name, []).append(value)
            else:
                data[name] = [data[name], value]
        return data

    return decode


def _decoder(kind: ValueKind, type_name: str) -> Decode | None:
    """Build the decoder of a property declared like this; None for what is text in JSON as well."""
    if kind != "object":
        return _BY_KIND[kind]
    exact = get_decoder(type_name, type_name)

    def decode(element: Element) -> Any:
        xsi_type = element.get(XSI_TYPE)
        return exact(element) if xsi_type is None else get_decoder(xsi_type, type_name)(element)

    return decode


@functools.cache
def get_decoder(xsi_type: str, declared: str) -> Decode:
    """Return the decoder of an element with this ``xsi:type`` where a ``declared`` type is expected ("" for any)."""
    name = local(xsi_type)
    vim_type = vsphere_type(name)
    if vim_type is None:
        return _unknown_type(name, declared)
    if vim_type.kind == "any":
        return _by_looks
    if vim_type.kind == "object" or (vim_type.kind == "fault" and name != "LocalizedMethodFault"):
        return _object(name, vim_type.properties)
    decode = _BY_KIND[vim_type.kind] or _text
    return decode if declared or vim_type.kind in {"fault", "reference"} else _box(_BOXED_NAMES.get(name, name), decode)


def _unknown_type(name: str, declared: str) -> Decode:
    if name.startswith("ArrayOf"):
        return _box_array(name)
    if name.endswith("ManagedObjectReference"):
        return _reference
    base = vsphere_type(declared) if declared else None
    if base is not None:  # of a newer vCenter: inherited properties are decoded as declared, the rest by guesswork
        return _object(name, base.properties)
    decode, box = _object(name, {}), _box(name, _text)
    return lambda element: decode(element) if len(element) else box(element)


def _box(name: str, decode: Decode) -> Decode:
    return lambda element: {"_typeName": name, "_value": decode(element)}


def _box_array(name: str) -> Decode:
    """Decode an array in an any-typed property: its elements are plain, as in a declared array."""
    item = name.removeprefix("ArrayOf")
    vim_type = vsphere_type(item) or vsphere_type(
        item[:1].lower() + item[1:]
    )  # ArrayOfString holds the primitive string
    decode = _guess if vim_type is None else _decoder(vim_type.kind, vim_type.name) or _text
    return _box_items(name, decode)


def _box_items(name: str, decode: Decode) -> Decode:
    return lambda element: {"_typeName": name, "_value": [decode(child) for child in element]}


def _guess(element: Element) -> Any:
    """Decode an undeclared or any-typed element by its ``xsi:type``, else by its looks."""
    xsi_type = element.get(XSI_TYPE)
    return _by_looks(element) if xsi_type is None else get_decoder(xsi_type, "")(element)


def _by_looks(element: Element) -> Any:
    if len(element):
        return _nameless(element)
    return _reference(element) if "type" in element.attrib else element.text or ""


def _text(element: Element) -> str:
    return element.text or ""


def _integer(element: Element) -> int | str:
    """Decode a number if JSON can carry it (64 bits); anything else stays text."""
    text = element.text or ""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if -_INT64 <= number < _INT64 else text


def _number(element: Element) -> float | str:
    text = element.text or ""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text  # JSON has no INF and NaN


def _boolean(element: Element) -> bool | str:
    text = element.text or ""
    return _BOOLEANS.get(text.strip().lower(), text)


def _reference(element: Element) -> dict[str, Any]:
    attributes = element.attrib
    type_name = local(attributes.get("type", ""))
    data = {"_typeName": "ManagedObjectReference", "type": type_name, "value": element.text or ""}
    if "serverGuid" in attributes:
        data["serverGuid"] = attributes["serverGuid"]
    return data


def _fault(element: Element) -> Any:
    """Decode a LocalizedMethodFault: the fault itself, with the localized message as ``faultstring``."""
    wrapped = next((child for child in element if local(child.tag) == "fault"), element)
    data = get_decoder(wrapped.get(XSI_TYPE, "MethodFault"), "MethodFault")(wrapped)
    for child in element if wrapped is not element else ():
        if child is not wrapped:
            name = local(child.tag)
            data["faultstring" if name == "localizedMessage" else name] = _guess(child)
    return data


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_nameless = _object(None, {})
_BY_KIND: dict[ValueKind, Decode | None] = {
    "string": None,
    "dateTime": None,
    "binary": None,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "reference": _reference,
    "fault": _fault,
    "any": _guess,
}
