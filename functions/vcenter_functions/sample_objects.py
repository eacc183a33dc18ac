"""The objects that sample events name. Pure.

They are those of the simulated vCenter, so that a function can act on them, where it has objects of the type.
"""

from collections.abc import Mapping

SAMPLE_OBJECTS: Mapping[str, tuple[str, str]] = {
    "Alarm": ("alarm-7", "Virtual machine CPU usage"),
    "ClusterComputeResource": ("domain-c7", "Cluster0"),
    "Datacenter": ("datacenter-2", "DC0"),
    "Datastore": ("datastore-13", "datastore1"),
    "Folder": ("group-v3", "vm"),
    "HostProfile": ("hostprofile-5", "Host profile 1"),
    "HostSystem": ("host-11", "esx-1"),
    "Network": ("network-14", "VM Network"),
    "ResourcePool": ("resgroup-9", "production"),
    "ScheduledTask": ("schedule-5", "Nightly snapshot"),
    "Task": ("task-101", "PowerOnVM_Task"),
    "TransitGateway": ("tgw-1", "Transit gateway 1"),
    "VirtualMachine": ("vm-15", "web-1"),
    "VmwareDistributedVirtualSwitch": ("dvs-19", "DSwitch-1"),
}
"""The sample's object of each type: its id and its name."""

SENT_TYPES: Mapping[str, str] = {
    "ComputeResource": "ClusterComputeResource",
    "DistributedVirtualSwitch": "VmwareDistributedVirtualSwitch",
    "ManagedEntity": "VirtualMachine",
    "ManagedObject": "VirtualMachine",
    "Profile": "HostProfile",
    "TaskReason": "TaskReasonUser",
}
"""What vCenter sends where a base type is declared."""

SAMPLE_ID = "com.vmware.vc.vm.VmStateRevertedToSnapshot"
"""The eventTypeId of an EventEx or ExtendedEvent, if no other is wanted."""

USER = "VSPHERE.LOCAL\\Administrator"
"""Who did what a sample tells of."""
