"""From a request, over SOAP or JSON, to its answer: whose session, which object, which method, which handler."""

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from vcenter_simulator import (
    actions,
    alarm_manager,
    authorization_manager,
    custom_fields_manager,
    event_manager,
    property_collector,
    session_manager,
    view_manager,
)
from vcenter_simulator.authorization_manager import READING
from vcenter_simulator.call import Call, Caller, MalformedError, Request, not_authenticated, not_found
from vcenter_simulator.managers import SERVICE, find, read, service_content
from vcenter_simulator.references import ref
from vcenter_simulator.sessions import Session
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import method_info, properties_of, reference, vim, vim_type, vmodl

_log = logging.getLogger(__name__)

# Methods that write though pyVmomi names no privilege for them.
_WRITING = {
    "Destroy_Task": "Resource.DeletePool",
    "Rename_Task": "Resource.RenamePool",
    "UpdateConfig": "Resource.EditPool",
    "ReconfigVM_Task": "VirtualMachine.Config.Settings",
    "CloneVM_Task": "VirtualMachine.Provisioning.Clone",
    "MigrateVM_Task": "Resource.HotMigrate",
    "CreateAlarm": "Alarm.Create",
    "EnableAlarmActions": "Alarm.DisableActions",
    "AcknowledgeAlarm": "Alarm.Acknowledge",
    "SetField": "Global.SetCustomField",
    "setCustomValue": "Global.SetCustomField",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: an HTTP status and a body, and the token of a new session.

    ``method`` is what was called, empty where it cannot be read.
    """

    status: int
    body: bytes
    new_token: str | None = None
    method: str = ""


class Wire(Protocol):
    """How one protocol writes an answer down: its HTTP status and its body."""

    name: str
    media_type: str

    def write_result(self, method: str, kind: Any, result: Any) -> tuple[int, bytes]:
        """What a method gave back, whose result is of this type."""

    def write_fault(self, error: Any) -> tuple[int, bytes]:
        """The fault that a method ended with."""


async def answer(vcenter: Vcenter, parse: Callable[[], Request], wire: Wire, caller: Caller) -> Reply:
    """Serve one request. A fault is an answer too."""
    method = ""
    try:
        request = parse()
        method = request.method
        (status, body), token = await _serve(vcenter, request, wire, caller)
        return Reply(status, body, token, method)
    except MalformedError as exc:
        error = vmodl.fault.InvalidRequest(msg=str(exc))
    except vmodl.MethodFault as exc:
        error = exc
    except Exception as exc:  # noqa: BLE001  logged, and answered as vCenter answers a failure of its own
        _log.exception("a request could not be served")
        error = vmodl.fault.SystemError(reason=repr(exc), msg="A general system error occurred")
    return Reply(*wire.write_fault(error), method=method)


async def _serve(
    vcenter: Vcenter, request: Request, wire: Wire, caller: Caller
) -> tuple[tuple[int, bytes], str | None]:
    vcenter.requests[request.method] += 1
    vcenter.wires[wire.name] += 1
    call = Call(vcenter, _session(vcenter, caller.token), SERVICE, caller.address, caller.agent, caller.token)
    before = call.session
    kind, result = _fetch(call, request) if request.method == "Fetch" else await _invoke(call, request)
    token = call.session.token if call.session is not None and call.session is not before else None
    return wire.write_result(request.method, kind, result), token


def _session(vcenter: Vcenter, token: str | None) -> Session | None:
    session = vcenter.sessions.find(token)
    return session if session is not None and session.api == "vim" else None


async def _invoke(call: Call, request: Request) -> tuple[Any, Any]:
    info = method_info(request.method)
    if info is None or request.method not in METHODS:
        raise vmodl.fault.NotSupported(msg=f"The method {request.method} is not simulated.")
    if info.privId != "System.Anonymous":
        _authorise(call, request, _WRITING.get(request.method, info.privId))
    call.target = _target(call, request)
    if not issubclass(vim_type(call.target.type), info.type):
        raise vmodl.fault.InvalidRequest(msg=f"{request.kind} has no method {request.method}")
    result = METHODS[request.method](call, *request.read_arguments(info))
    return info.result, await result if inspect.isawaitable(result) else result


def _authorise(call: Call, request: Request, privilege: str | None) -> None:
    if call.session is None:
        raise not_authenticated(SERVICE)
    if privilege not in READING and not call.session.account.may_write:
        on = _target(call, request)
        raise vim.fault.NoPermission(
            object=reference(on.type, on.moid),
            privilegeId=privilege,
            msg="Permission to perform this operation was denied.",
        )


def _target(call: Call, request: Request) -> Any:
    target = find(call.vcenter, call.session, request.moid)
    if target is None or target.type != request.kind:
        raise not_found(request.kind, request.moid)
    return target


def _fetch(call: Call, request: Request) -> tuple[Any, Any]:
    name = request.read_property()
    if request.kind not in {"ServiceInstance", "SessionManager"} and call.session is None:
        raise not_authenticated(SERVICE)
    target = _target(call, request)
    value = read(call.vcenter, call.session, target, name)
    return properties_of(vim_type(target.type))[name].type, value


def find_by_path(call: Call, path: str) -> Any:
    """SearchIndex.FindByInventoryPath: ``DC0/host/Cluster0``, None for nothing there."""
    inventory = call.vcenter.inventory
    found = [inventory.root]
    for name in filter(None, path.split("/")):
        found = [child for entity in found for child in inventory.children(entity) if child.name == name]
    return ref(found[0] if found else None)


METHODS: dict[str, Callable[..., Any]] = {
    **actions.METHODS,
    **alarm_manager.METHODS,
    **authorization_manager.METHODS,
    **custom_fields_manager.METHODS,
    **event_manager.METHODS,
    **property_collector.METHODS,
    **session_manager.METHODS,
    **view_manager.METHODS,
    "RetrieveServiceContent": lambda call: service_content(call.vcenter),
    "CurrentTime": lambda call: call.vcenter.events.history.now(),
    "FindByInventoryPath": find_by_path,
}
