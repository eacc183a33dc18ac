"""Faults in VI/JSON: an object with the fault's ``_typeName``, its properties, and a ``faultstring`` for people."""

from typing import Any

from pyVmomi import VmomiSupport, vim, vmodl

from vcenter_source.vcenter.wire import UnknownFaultError

_NAMESPACE = "urn:vim25"


def parse_fault(body: Any) -> Exception | None:
    """Return a fault as pyVmomi's exception, or as UnknownFaultError if pyVmomi does not know it; None for no fault.

    What is mapped by class needs no more than the class; NoPermission says what is lacking, and where.
    """
    name = body.get("_typeName") if isinstance(body, dict) else None
    if not isinstance(name, str):
        return None
    message = str(body.get("faultstring") or "")
    kind = find_type(name)
    if kind is None or not issubclass(kind, vmodl.MethodFault):
        return UnknownFaultError(name, message or "no reason given")
    fault: Exception = kind(msg=message)
    if isinstance(fault, vim.fault.NoPermission):
        fault.privilegeId = str(body.get("privilegeId") or "") or None
        fault.object = load_object(body.get("object"))
    return fault


def load_object(reference: Any) -> Any:
    """Return pyVmomi's object for a reference, to be named in a message; None for anything else."""
    if not isinstance(reference, dict):
        return None
    kind = find_type(str(reference.get("type")))
    if kind is None or not issubclass(kind, VmomiSupport.ManagedObject):
        return None
    return kind(str(reference.get("value")), None)


def find_type(name: str) -> Any:
    """Return pyVmomi's type of this name; None if there is none."""
    try:
        return VmomiSupport.GetWsdlType(_NAMESPACE, name)
    except KeyError:
        return None
