"""The texts that sample events have, and what they name beside the object that they are about. Pure."""

from collections.abc import Mapping

from vcenter_functions.sample_objects import USER
from vcenter_source.events.metadata import vsphere_type

OTHER_OBJECTS: Mapping[str, tuple[str, str]] = {
    "Datastore": ("datastore-16", "datastore2"),
    "DistributedVirtualSwitch": ("dvs-20", "DSwitch-2"),
    "Folder": ("group-v5", "archive"),
    "HostSystem": ("host-12", "esx-2"),
    "ResourcePool": ("resgroup-8", "Resources"),
    "VirtualMachine": ("vm-16", "web-2"),
    "Datacenter": ("datacenter-4", "DC1"),
}
"""Other objects, for what an event names beside the one that it is about: the host that a VM comes from, say."""

_TEXTS: Mapping[str, str] = {
    "changeTag": "",
    "datastoreUrl": "ds:///vmfs/volumes/65a1b2c3-d4e5f607-8899-001122334455/",
    "descriptionId": "VirtualMachine.powerOn",
    "destName": "web-2",
    "entityName": "web-1",
    "from": "green",
    "hostName": "esx-1",
    "hostname": "esx-1",
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
    "userName": USER,
    "uuid": "4232c1f8-1b4c-6a0e-9d27-3f5c8e1a7b60",
    "vnic": "vmk0",
}


def find_text(name: str, type_name: str = "string") -> str:
    """Return a text for a property of this name; for an enumeration one of its values."""
    vsphere = vsphere_type(type_name)
    values = vsphere.values if vsphere else ()
    text = _TEXTS.get(name, name)
    return text if not values or text in values else values[0]
