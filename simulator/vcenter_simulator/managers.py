"""The managed objects beside the inventory: the service's own, and what sessions make; with their properties."""

from typing import Any

from vcenter_simulator.alarm_manager import alarm_info, describe
from vcenter_simulator.call import Managed, Singleton
from vcenter_simulator.custom_fields_manager import list_definitions
from vcenter_simulator.entities import PROPERTIES
from vcenter_simulator.event_manager import MAX_COLLECTORS, EventCollector
from vcenter_simulator.event_page import EventPage, SingleEvent
from vcenter_simulator.machines import SNAPSHOT_PROPERTIES
from vcenter_simulator.messages import event_info
from vcenter_simulator.references import Provider, ref
from vcenter_simulator.roles import role_list
from vcenter_simulator.session_manager import user_session
from vcenter_simulator.sessions import Session
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import API_VERSION, properties_of, reference, types, vim, vim_type, vmodl

_BUILD = "24022515"
_SINGLETONS = {
    "propertyCollector": Singleton("PropertyCollector", "propertyCollector"),
    "viewManager": Singleton("ViewManager", "ViewManager"),
    "sessionManager": Singleton("SessionManager", "SessionManager"),
    "eventManager": Singleton("EventManager", "EventManager"),
    "taskManager": Singleton("TaskManager", "TaskManager"),
    "searchIndex": Singleton("SearchIndex", "SearchIndex"),
    "authorizationManager": Singleton("AuthorizationManager", "AuthorizationManager"),
    "alarmManager": Singleton("AlarmManager", "AlarmManager"),
    "customFieldsManager": Singleton("CustomFieldsManager", "CustomFieldsManager"),
}
SERVICE = Singleton("ServiceInstance", "ServiceInstance")
_BY_ID = {each.moid: each for each in (SERVICE, *_SINGLETONS.values())}


def find(vcenter: Vcenter, session: Session | None, moid: str) -> Managed | None:
    """The managed object with this id, as this session sees it; None where there is none."""
    owned = session.objects.get(moid) if session else None
    return (
        owned
        or vcenter.inventory.objects.get(moid)
        or _BY_ID.get(moid)
        or vcenter.tasks.get(moid)
        or vcenter.alarms.get(moid)
        or vcenter.snapshots.get(moid)
    )


def service_content(vcenter: Vcenter) -> Any:
    """ServiceInstance.content."""
    managers = {name: reference(each.type, each.moid) for name, each in _SINGLETONS.items()}
    return vim.ServiceInstanceContent(rootFolder=ref(vcenter.inventory.root), about=_about(vcenter), **managers)


def _about_host() -> Any:
    """What an ESXi host says of itself: it has no instanceUuid (vSphere API reference, AboutInfo)."""
    return vim.AboutInfo(
        name="VMware ESXi",
        fullName=f"VMware ESXi 8.0.3 build-{_BUILD}",
        vendor="VMware, Inc.",
        version="8.0.3",
        build=_BUILD,
        localeVersion="INTL",
        localeBuild="000",
        osType="vmnix-x86",
        productLineId="embeddedEsx",
        apiType="HostAgent",
        apiVersion=API_VERSION,
        licenseProductName="VMware ESX Server",
        licenseProductVersion="8.0",
    )


def _about(vcenter: Vcenter) -> Any:
    if vcenter.is_host:
        return _about_host()
    return vim.AboutInfo(
        name="VMware vCenter Server",
        fullName=f"VMware vCenter Server 8.0.3 build-{_BUILD}",
        vendor="VMware, Inc.",
        version="8.0.3",
        build=_BUILD,
        localeVersion="INTL",
        localeBuild="000",
        osType="linux-x64",
        productLineId="vpx",
        apiType="VirtualCenter",
        apiVersion=API_VERSION,
        instanceUuid=vcenter.instance_uuid,
        licenseProductName="VMware VirtualCenter Server",
        licenseProductVersion="8.0",
    )


def _description() -> Any:
    categories = [
        vim.ElementDescription(key=key, label=key.capitalize(), summary=key.capitalize())
        for key in ("info", "warning", "error", "user")
    ]
    return vim.event.EventDescription(category=categories, eventInfo=event_info())


def _latest_event(vcenter: Vcenter, _session: Session) -> Any:
    newest = vcenter.events.history.newest()
    return None if newest is None else SingleEvent(newest)


def _latest_page(_vcenter: Vcenter, collector: EventCollector) -> EventPage:
    return collector.page(collector.cursor.latest_page())


def _session_list(vcenter: Vcenter) -> Any:
    return [user_session(session) for session in vcenter.sessions if session.api == "vim"]


# These providers see the object itself; those of the service's own managers, which have no state, see the session.
_OWNED: dict[str, dict[str, Provider]] = {
    "EventHistoryCollector": {
        "latestPage": _latest_page,
        "filter": lambda _vcenter, collector: collector.spec,
        "initialized": lambda _vcenter, _collector: True,
    },
    "Alarm": {"info": lambda _vcenter, alarm: alarm_info(alarm)},
    "VirtualMachineSnapshot": SNAPSHOT_PROPERTIES,
    "Task": {"info": lambda _vcenter, task: task.info},
    "ContainerView": {
        "container": lambda _vcenter, view: view.container,
        "type": lambda _vcenter, view: view.kinds,
        "recursive": lambda _vcenter, view: view.recursive,
        "view": lambda vcenter, view: view.members(vcenter.inventory),
    },
    "ListView": {"view": lambda _vcenter, view: view.listed},
    "PropertyFilter": {
        "spec": lambda _vcenter, property_filter: property_filter.spec,
        "partialUpdates": lambda _vcenter, property_filter: property_filter.partial_updates,
    },
}
_MANAGERS: dict[str, dict[str, Provider]] = {
    "ServiceInstance": {
        "content": lambda vcenter, _session: service_content(vcenter),
        "serverClock": lambda vcenter, _session: vcenter.events.history.now(),
        "capability": lambda _vcenter, _session: vim.Capability(provisioningSupported=True, multiHostSupported=True),
    },
    "SessionManager": {
        "currentSession": lambda _vcenter, session: user_session(session) if session else None,
        "sessionList": lambda vcenter, _session: _session_list(vcenter),
        "defaultLocale": lambda _vcenter, _session: "en",
        "supportedLocaleList": lambda _vcenter, _session: ["en"],
        "messageLocaleList": lambda _vcenter, _session: ["en"],
        "message": lambda _vcenter, _session: "",
    },
    "EventManager": {
        "description": lambda _vcenter, _session: _description(),
        "latestEvent": _latest_event,
        "maxCollector": lambda _vcenter, _session: MAX_COLLECTORS,
    },
    "TaskManager": {
        "recentTask": lambda vcenter, _session: [reference("Task", task.moid) for task in vcenter.tasks.recent()],
        "maxCollector": lambda _vcenter, _session: MAX_COLLECTORS,
    },
    "PropertyCollector": {},
    "ViewManager": {},
    "SearchIndex": {},
    "AuthorizationManager": {"roleList": lambda _vcenter, _session: role_list()},
    "AlarmManager": {"description": lambda _vcenter, _session: describe()},
    "CustomFieldsManager": {"field": lambda vcenter, _session: list_definitions(vcenter)},
}


def property_names(kind: str) -> list[str]:
    """The properties of a type that have a value here."""
    return list((PROPERTIES | _OWNED | _MANAGERS).get(kind, {}))


def read(vcenter: Vcenter, session: Session | None, target: Managed, path: str) -> Any:
    """A property by its path (``summary.runtime.powerState``), None where it is unset. Raises InvalidProperty."""
    first, *rest = path.split(".")
    declared = properties_of(vim_type(target.type)).get(first)
    if declared is None:
        raise _invalid(path)
    provider = (PROPERTIES | _OWNED | _MANAGERS)[target.type].get(first)
    subject = session if target.type in _MANAGERS else target
    value = provider(vcenter, subject) if provider else None
    return _descend(_as_array(value, declared), rest, path)


def _descend(value: Any, steps: list[str], path: str) -> Any:
    for step in steps:
        if value is None:
            return None
        declared = properties_of(type(value)).get(step) if isinstance(value, types.DataObject) else None
        if declared is None:
            raise _invalid(path)
        value = _as_array(getattr(value, step), declared)
    return value


def _as_array(value: Any, declared: Any) -> Any:
    """A plain list as pyVmomi's array of the property's type: on the wire an empty array is typed too."""
    return declared.type(value) if isinstance(value, list) and not isinstance(value, types.Array) else value


def _invalid(path: str) -> Any:
    return vmodl.query.InvalidProperty(name=path, msg=f"There is no property {path}.")
