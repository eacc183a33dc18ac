"""What of JSON Schema the schemas of events use, strictly: a property that no schema declares is a problem, too."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict}


def problems(value: Any, of: dict[str, Any], root: dict[str, Any], where: str = "") -> Iterator[str]:
    """What JSON Schema has to say, and each property that no schema declares."""
    if "$ref" in of:
        name = of["$ref"].removeprefix("#/$defs/")
        of = root["$defs"][name] | {"name": name}
    if "anyOf" in of:
        if all(list(problems(value, each, root, where)) for each in of["anyOf"]):
            yield f"{where}: none of the choices"
        return
    if "const" in of and value != of["const"]:
        yield f"{where}: not {of['const']}"
    if "enum" in of and value not in of["enum"]:
        yield f"{where}: not in {of['enum']}"
    if of.get("type") == "array" and isinstance(value, list):
        for index, each in enumerate(value):
            yield from problems(each, of["items"], root, f"{where}[{index}]")
    elif "type" in of:
        yield from typed_problems(value, of, root, where)


def typed_problems(value: Any, of: dict[str, Any], root: dict[str, Any], where: str) -> Iterator[str]:
    kinds = of["type"] if isinstance(of["type"], list) else [of["type"]]
    if value is None and "null" in kinds:
        return
    if not isinstance(value, TYPES[kinds[0]]) or (isinstance(value, bool) and kinds[0] != "boolean"):
        yield f"{where}: {value!r} is no {kinds}"
    elif kinds[0] == "object":
        yield from (f"{where}: lacks {name}" for name in of["required"] if name not in value)
        for name, each in value.items():
            if name in of["properties"]:
                yield from problems(each, of["properties"][name], root, f"{where}.{name}")
            elif value["_typeName"] == of.get("name", value["_typeName"]):  # a type derived from it may have more
                yield f"{where}: {name} is not declared"
    elif of.get("format") == "date-time":
        datetime.fromisoformat(value)
