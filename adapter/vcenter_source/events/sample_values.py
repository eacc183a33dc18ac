"""The objects and texts that sample events name. Pure."""

from collections.abc import Mapping

from vcenter_source.events.metadata import vsphere_type

SAMPLE_OBJECTS: Mapping[str, tuple[str, str]] = {
    "Alarm": ("alarm-7", "Virtual machine CPU usage"),
    "ClusterComputeResource": ("domain-c8", "Cluster-1"),
    "Datacenter": ("datacenter-3", "DC-1"),
    "Datastore": ("datastore-15", "datastore-1"),
    "Folder": ("group-v4", "vm"),
    "HostProfile": ("hostprofile-5", "Host profile 1"),
    "HostSystem": ("host-21", "esx-1.example.com"),
    "Network": ("network-12", "VM Network"),
    "ResourcePool": ("resgroup-9", "Production"),
    "ScheduledTask": ("schedule-5", "Nightly snapshot"),
    "Task": ("task-101", "PowerOnVM_Task"),
    "TransitGateway": ("tgw-1", "Transit gateway 1"),
    "VirtualMachine": ("vm-42", "web-1"),
    "VmwareDistributedVirtualSwitch": ("dvs-19", "DSwitch-1"),
}
"""The sample's object of each type: its id and its name."""

OTHER_OBJECTS: Mapping[str, tuple[str, str]] = {
    "Datastore": ("datastore-16", "datastore-2"),
    "DistributedVirtualSwitch": ("dvs-20", "DSwitch-2"),
    "Folder": ("group-v5", "archive"),
    "HostSystem": ("host-22", "esx-2.example.com"),
    "ResourcePool": ("resgroup-8", "Resources"),
    "VirtualMachine": ("vm-43", "web-2"),
    "Datacenter": ("datacenter-4", "DC-2"),
}
"""Other objects, for what an event names beside the one that it is about: the host that a VM comes from, say."""

SAMPLE_ID = "com.vmware.vc.vm.VmStateRevertedToSnapshot"
"""The eventTypeId of an EventEx or ExtendedEvent, if no other is wanted."""

SENT_TYPES: Mapping[str, str] = {
    "ComputeResource": "ClusterComputeResource",
    "DistributedVirtualSwitch": "VmwareDistributedVirtualSwitch",
    "ManagedEntity": "VirtualMachine",
    "ManagedObject": "VirtualMachine",
    "Profile": "HostProfile",
    "TaskReason": "TaskReasonUser",
}
"""What vCenter sends where a base type is declared."""

_TEXTS: Mapping[str, str] = {
    "changeTag": "",
    "datastoreUrl": "ds:///vmfs/volumes/65a1b2c3-d4e5f607-8899-001122334455/",
    "descriptionId": "VirtualMachine.powerOn",
    "destName": "web-2",
    "entityName": "web-1",
    "from": "green",
    "hostName": "esx-1.example.com",
    "hostname": "esx-1.example.com",
    "instanceUuid": "5032c1f8-1b4c-6a0e-9d27-3f5c8e1a7b60",
    "ipAddress": "192.0.2.10",
    "ipAddress2": "192.0.2.11",
    "isolationIp": "192.0.2.1",
    "locale": "en",
    "key": "1",
    "mac": "00:50:56:8f:12:34",
    "macAddress": "00:50:56:8f:12:34",
    "message": "This is a sample.",
    "newName": "web-2",
    "newStatus": "red",
    "objectType": "VirtualMachine",
    "oldName": "web-1",
    "oldStatus": "green",
    "portKey": "32",
    "principal": "VSPHERE.LOCAL\\operator",
    "sessionId": "52f1c2aa-7d10-4b6e-9a53-0c8de6f1b247",
    "serverName": "license.example.com",
    "severity": "info",
    "shortName": "esx-1",
    "state": "success",
    "to": "red",
    "url": "https://vcenter.example.com/",
    "userAgent": "vSphere Client",
    "userLogin": "VSPHERE.LOCAL\\operator",
    "userName": "VSPHERE.LOCAL\\Administrator",
    "uuid": "4232c1f8-1b4c-6a0e-9d27-3f5c8e1a7b60",
    "vnic": "vmk0",
}


def find_text(name: str, type_name: str = "string") -> str:
    """Return a text for a property of this name; for an enumeration one of its values."""
    vsphere = vsphere_type(type_name)
    values = vsphere.values if vsphere else ()
    text = _TEXTS.get(name, name)
    return text if not values or text in values else values[0]
