"""The simulator's SOAP side as pyVmomi's own client sees it: sessions, inventory, actions and their events."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from tests.support import loopback
from vcenter_simulator.accounts import READER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import service_instance
from vcenter_simulator.vmomi import VERSION, properties_of, types, wire_name

NO_LIMITS = vim.ResourceConfigSpec(
    cpuAllocation=vim.ResourceAllocationInfo(), memoryAllocation=vim.ResourceAllocationInfo()
)


def everything(service: Any, kind: Any = vim.ManagedEntity) -> dict[str, Any]:
    content = service.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    found = {entity.name: entity for entity in view.view}
    view.DestroyView()
    return found


def posted(service: Any) -> list[Any]:
    return list(service.content.eventManager.QueryEvents(vim.event.EventFilterSpec()))


def lines(service: Any) -> list[tuple[str, str]]:
    return [(type(event)._wsdlName, event.fullFormattedMessage) for event in posted(service)]


def test_the_right_password_logs_in(service: Any) -> None:
    about = service.content.about
    session = service.content.sessionManager.currentSession
    assert (about.apiType, about.apiVersion, about.productLineId) == ("VirtualCenter", "8.0.3.0", "vpx")
    assert session.userName == "administrator@vsphere.local"
    assert service.CurrentTime().tzinfo is not None


# In a process of its own: SmartConnect leaves its socket to the garbage collector when the login fails.
WRONG_LOGIN = """
import sys
from pyVim.connect import SmartConnect
from pyVmomi import vim
try:
    SmartConnect(protocol="http", host="127.0.0.1", port=int(sys.argv[1]), user="Root@vsphere.local", pwd="wrong")
except vim.fault.InvalidLogin as exc:
    print(exc.msg)
"""


def test_a_wrong_password_is_a_soap_fault_and_an_event(simulator: Simulator, service: Any) -> None:
    command = [sys.executable, "-c", WRONG_LOGIN, simulator.base.rpartition(":")[2]]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert said == "Cannot complete login due to an incorrect user name or password.\n"
    assert ("BadUsernameSessionEvent", "Cannot login Root@vsphere.local@127.0.0.1") in lines(service)


def test_a_fault_is_http_500_with_a_typed_detail(untouched: Simulator) -> None:
    call = '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>x</userName></Login>'
    answer = loopback.post(untouched.url, content=envelope(call))
    assert answer.status_code == 500
    assert '<InvalidLoginFault xmlns="urn:vim25" xsi:type="InvalidLogin">' in answer.text
    assert "<faultcode>ServerFaultCode</faultcode>" in answer.text


def envelope(call: str) -> str:
    return f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{call}</e:Body></e:Envelope>'


@pytest.mark.parametrize(
    "body",
    ["no xml", "<a/>", envelope(""), '<!DOCTYPE a [<!ENTITY b "c">]>' + envelope("<a/>"), envelope("<CurrentTime/>")],
)
def test_what_is_no_call_is_refused(untouched: Simulator, body: str) -> None:
    answer = loopback.post(untouched.url, content=body)
    assert answer.status_code == 500
    assert "InvalidRequestFault" in answer.text


def test_without_a_session_there_is_nothing_but_the_login(simulator: Simulator) -> None:
    with service_instance(simulator) as service:
        pass
    with pytest.raises(vim.fault.NotAuthenticated):
        service.CurrentTime()
    with pytest.raises(vim.fault.NotAuthenticated):
        service.RetrieveContent().eventManager.QueryEvents(vim.event.EventFilterSpec())
    service._stub.DropConnections()


def test_sessions_end_by_logging_out_and_by_termination(simulator: Simulator) -> None:
    with service_instance(simulator) as first:
        manager = first.content.sessionManager
        with service_instance(simulator) as second:
            key = second.content.sessionManager.currentSession.key
            assert manager.SessionIsActive(key, "administrator@vsphere.local")
            manager.TerminateSession([key])
            assert not manager.SessionIsActive(key, "administrator@vsphere.local")
            with pytest.raises(vim.fault.NotAuthenticated):
                second.CurrentTime()
        with pytest.raises(vim.fault.NotFound):
            manager.TerminateSession([key])
        assert "UserLogoutSessionEvent" in dict(lines(first))
    assert len(simulator.vcenter.sessions) == 0


def test_the_inventory_through_a_view_and_the_property_collector(service: Any) -> None:
    content = service.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    query = vmodl.query.PropertyCollector
    members = query.TraversalSpec(name="members", type=vim.view.ContainerView, path="view", skip=False)
    spec = query.FilterSpec(
        objectSet=[query.ObjectSpec(obj=view, skip=True, selectSet=[members])],
        propSet=[query.PropertySpec(type=vim.VirtualMachine, pathSet=["name", "summary.runtime.powerState"])],
    )
    first = content.propertyCollector.RetrievePropertiesEx([spec], query.RetrieveOptions(maxObjects=3))
    rest = content.propertyCollector.ContinueRetrievePropertiesEx(first.token)
    found = [{prop.name: prop.val for prop in each.propSet} for each in first.objects + rest.objects]
    assert (len(first.objects), rest.token) == (3, None)
    assert [each["name"] for each in found] == ["web-1", "web-2", "db-1", "batch-1"]
    assert {each["summary.runtime.powerState"] for each in found} == {"poweredOff"}


def test_every_property_of_the_inventory_can_be_read(service: Any) -> None:
    entities = everything(service)
    query = vmodl.query.PropertyCollector
    spec = query.FilterSpec(
        objectSet=[query.ObjectSpec(obj=entity) for entity in entities.values()],
        propSet=[query.PropertySpec(type=vim.ManagedEntity, all=True)],
    )
    found = service.content.propertyCollector.RetrieveProperties([spec])
    assert len(found) == len(entities) == 17
    machine = next(each for each in found if isinstance(each.obj, vim.VirtualMachine))
    assert {"config", "runtime", "summary", "guest"} <= {prop.name for prop in machine.propSet}


def test_wrong_properties_and_objects_are_named(service: Any) -> None:
    query = vmodl.query.PropertyCollector

    def retrieve(obj: Any, path: str) -> Any:
        spec = query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=obj)], propSet=[query.PropertySpec(type=type(obj), pathSet=[path])]
        )
        return service.content.propertyCollector.RetrieveProperties([spec])

    with pytest.raises(vmodl.query.InvalidProperty) as wrong:
        retrieve(service.content.rootFolder, "shoeSize")
    assert wrong.value.name == "shoeSize"
    with pytest.raises(vmodl.fault.ManagedObjectNotFound) as gone:
        retrieve(vim.VirtualMachine("vm-999"), "name")
    assert gone.value.obj._moId == "vm-999"


def test_the_life_of_a_resource_pool(service: Any) -> None:
    root = everything(service, vim.ResourcePool)["Resources"]
    before = len(posted(service))
    pool = root.CreateResourcePool("tagged-pool", NO_LIMITS)
    assert (pool.name, pool.parent, pool.owner.name) == ("tagged-pool", root, "Cluster0")
    with pytest.raises(vim.fault.DuplicateName):
        root.CreateResourcePool("tagged-pool", NO_LIMITS)
    pool.UpdateConfig("other-pool", None)
    WaitForTask(pool.Rename_Task("third-pool"))
    WaitForTask(pool.Destroy_Task())
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        _ = pool.name
    assert lines(service)[before:] == [
        ("ResourcePoolCreatedEvent", "Created resource pool tagged-pool in compute-resource Cluster0 in DC0"),
        ("ResourcePoolReconfiguredEvent", "Updated configuration for other-pool in compute-resource Cluster0 in DC0"),
        ("TaskEvent", "Task: Rename entity"),
        ("ResourcePoolReconfiguredEvent", "Updated configuration for third-pool in compute-resource Cluster0 in DC0"),
        ("TaskEvent", "Task: Delete entity"),
        ("ResourcePoolDestroyedEvent", "Removed resource pool third-pool on Cluster0 in DC0"),
    ]


def test_the_event_of_a_new_pool_names_its_objects(service: Any) -> None:
    pool = everything(service, vim.ResourcePool)["production"].CreateResourcePool("inner", NO_LIMITS)
    event = posted(service)[-1]
    assert (event.resourcePool.name, event.resourcePool.resourcePool) == ("inner", pool)
    assert (event.parent.name, event.computeResource.name, event.datacenter.name) == ("production", "Cluster0", "DC0")
    assert (event.userName, event.key, event.chainId) == ("administrator@vsphere.local", event.key, event.key)


def test_power_operations_post_one_chain_of_events(service: Any) -> None:
    machine = everything(service, vim.VirtualMachine)["web-1"]
    before = len(posted(service))
    WaitForTask(machine.PowerOnVM_Task())
    assert machine.runtime.powerState == "poweredOn"
    WaitForTask(machine.ResetVM_Task())
    WaitForTask(machine.PowerOffVM_Task())
    events = posted(service)[before:]
    assert [event.fullFormattedMessage for event in events] == [
        "Task: Power On virtual machine",
        "web-1 on host esx-1 in DC0 is starting",
        "web-1 on esx-1 in DC0 is powered on",
        "Task: Reset virtual machine",
        "web-1 on esx-1 in DC0 is reset",
        "Task: Power Off virtual machine",
        "web-1 on esx-1 in DC0 is stopping",
        "web-1 on esx-1 in DC0 is powered off",
    ]
    assert [event.chainId - events[0].key for event in events] == [0, 0, 0, 3, 3, 5, 5, 5]
    assert (events[1].vm.vm, events[1].host.name) == (machine, "esx-1")
    times = [event.createdTime for event in events]
    assert times == sorted(set(times))


def test_a_power_operation_in_the_wrong_state_fails_its_task(service: Any) -> None:
    task = everything(service, vim.VirtualMachine)["web-1"].PowerOffVM_Task()
    with pytest.raises(vim.fault.InvalidPowerState) as wrong:
        WaitForTask(task)
    assert (wrong.value.requestedState, wrong.value.existingState) == ("poweredOn", "poweredOff")


def test_the_reader_may_read_and_nothing_else(simulator: Simulator) -> None:
    with service_instance(simulator, READER) as service:
        root = everything(service, vim.ResourcePool)["Resources"]
        with pytest.raises(vim.fault.NoPermission) as refused:
            root.CreateResourcePool("mine", NO_LIMITS)
        assert refused.value.privilegeId == "Resource.CreatePool"
        with pytest.raises(vim.fault.NoPermission):
            root.UpdateConfig("mine", None)
        assert posted(service)


def test_a_posted_event_gets_its_numbers_and_its_user_from_vcenter(service: Any) -> None:
    fault = vim.fault.InvalidState(msg="said in a LocalizedMethodFault")
    arguments = [vmodl.KeyAnyValue(key="count", value=3), vmodl.KeyAnyValue(key="name", value="<&>")]
    event = vim.event.EventEx(eventTypeId="com.example.thing", message="a <b> & c", severity="warning")
    event.arguments, event.fault, event.createdTime = arguments, fault, service.CurrentTime()
    service.content.eventManager.PostEvent(event, None)
    seen = service.content.eventManager.latestEvent
    assert (seen.eventTypeId, seen.fullFormattedMessage, seen.userName) == (
        "com.example.thing",
        "a <b> & c",
        "administrator@vsphere.local",
    )
    assert [argument.value for argument in seen.arguments] == [3, "<&>"]
    assert (type(seen.fault), seen.fault.msg) == (vim.fault.InvalidState, "said in a LocalizedMethodFault")


def test_the_description_lists_every_concrete_class_and_some_extended_ids(service: Any) -> None:
    details = service.content.eventManager.description.eventInfo
    keys = [wire_name(detail.key) for detail in details]
    assert keys.count("EventEx") == 12
    assert len(set(keys)) == 414  # the 415 concrete ones less ExtendedEvent, which has no description of its own
    assert {detail.category for detail in details} == {"info", "warning", "error", "user"}
    created = details[keys.index("ResourcePoolCreatedEvent")]
    assert created.fullFormat.startswith("Created resource pool {resourcePool.name}")


def test_the_roles_are_those_that_every_vcenter_has(service: Any) -> None:
    roles = service.content.authorizationManager.roleList
    names = ["NoTrustedAdmin", "TrustedAdmin", "NoCryptoAdmin", "NoAccess", "Anonymous", "View", "ReadOnly", "Admin"]
    assert [(role.roleId, role.name) for role in roles] == list(enumerate(names, -8))
    given = {role.name: set(role.privilege) for role in roles}
    assert given["ReadOnly"] == {"System.Anonymous", "System.Read", "System.View"}
    assert (given["View"], given["NoAccess"]) == ({"System.Anonymous", "System.View"}, set())
    assert {"Global.LogEvent", "InventoryService.Tagging.AttachTag"} <= given["NoCryptoAdmin"] < given["Admin"]
    assert all(role.system and role.info.label and role.info.summary for role in roles)


def test_what_is_not_simulated_says_so(service: Any) -> None:
    with pytest.raises(vmodl.fault.NotSupported, match="MarkAsTemplate"):
        everything(service, vim.VirtualMachine)["web-1"].MarkAsTemplate()


def test_an_event_of_every_class_can_be_posted_and_read(service: Any) -> None:
    manager = service.content.eventManager
    known = {detail.key for detail in manager.description.eventInfo}
    kinds = [kind for kind in known if types.GetCompatibleType(kind, VERSION) is kind]
    collector = manager.CreateCollectorForEvents(vim.event.EventFilterSpec())
    collector.ReadNextEvents(1000)
    for kind in kinds:
        manager.PostEvent(filled(kind), None)
    assert [type(event) for event in collector.ReadNextEvents(1000)] == kinds
    assert len(kinds) > 400


def filled(kind: Any) -> Any:
    """A value of this type with everything that it requires."""
    if issubclass(kind, types.Array):
        return [filled(kind.Item)]
    if issubclass(kind, types.ManagedObject):
        return kind("some-1")
    if issubclass(kind, types.Enum):
        return kind.values[0]
    if issubclass(kind, datetime):
        return datetime.now(UTC)
    made = kind()
    if issubclass(kind, types.DataObject):
        for name, info in properties_of(kind).items():
            if not info.flags & types.F_OPTIONAL and getattr(made, name) in (None, []):
                setattr(made, name, filled(info.type))
    return made
