"""The properties of inventory objects, as vSphere's data objects: enough of them for the usual clients.

What pyVmomi requires and is not set here has its neutral value (0, the empty string, false).
"""

from collections.abc import Callable
from typing import Any

from vcenter_simulator import alarm_manager, authorization_manager, custom_fields_manager
from vcenter_simulator.history import utc_now
from vcenter_simulator.inventory import Entity
from vcenter_simulator.machines import MACHINE_PROPERTIES, machine_uuid
from vcenter_simulator.references import Provider, ref, refs
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import vim

_GIB = 2**30
_STARTED = utc_now()


def _allocation() -> Any:
    shares = vim.SharesInfo(shares=4000, level="normal")
    return vim.ResourceAllocationInfo(reservation=0, expandableReservation=True, limit=-1, shares=shares)


def _pool_config(entity: Entity) -> Any:
    return vim.ResourceConfigSpec(entity=ref(entity), cpuAllocation=_allocation(), memoryAllocation=_allocation())


def _pool_runtime() -> Any:
    def usage() -> Any:
        return vim.ResourcePool.ResourceUsage(unreservedForPool=2000, unreservedForVm=2000, maxUsage=4000)

    return vim.ResourcePool.RuntimeInfo(memory=usage(), cpu=usage(), overallStatus="green")


def _pool_summary(entity: Entity) -> Any:
    return vim.ResourcePool.Summary(name=entity.name, config=_pool_config(entity), runtime=_pool_runtime())


def _host_runtime(host: Entity) -> Any:
    runtime = vim.host.RuntimeInfo(connectionState="connected", powerState="poweredOn", bootTime=_STARTED)
    runtime.inMaintenanceMode = bool(host.facts.get("inMaintenanceMode"))
    return runtime


def _host_summary(entity: Entity) -> Any:
    hardware = vim.host.Summary.HardwareSummary(vendor="Simulated", model="Server", cpuModel="CPU", cpuMhz=2000)
    hardware.uuid, hardware.memorySize = machine_uuid(entity), 64 * _GIB
    hardware.numCpuPkgs, hardware.numCpuCores, hardware.numCpuThreads = 1, 8, 16
    return vim.host.Summary(
        host=ref(entity),
        hardware=hardware,
        runtime=_host_runtime(entity),
        config=vim.host.Summary.ConfigSummary(name=entity.name, port=443),
        quickStats=vim.host.Summary.QuickStats(),
        overallStatus="green",
    )


def _cluster_summary(_vcenter: Vcenter, _entity: Entity) -> Any:
    return vim.ClusterComputeResource.Summary(
        totalCpu=32000,
        totalMemory=128 * _GIB,
        numCpuCores=16,
        numCpuThreads=32,
        effectiveCpu=32000,
        effectiveMemory=128 * 1024,
        numHosts=2,
        numEffectiveHosts=2,
        overallStatus="green",
    )


def _datastore_summary(entity: Entity) -> Any:
    summary = vim.Datastore.Summary(datastore=ref(entity), name=entity.name, url=f"ds:///vmfs/volumes/{entity.moid}/")
    summary.capacity, summary.freeSpace, summary.accessible, summary.type = 1024 * _GIB, 512 * _GIB, True, "VMFS"
    return summary


def _machines_with(fact: str) -> Provider:
    def provide(vcenter: Vcenter, entity: Entity) -> Any:
        return refs(each for each in vcenter.inventory.objects.values() if each.link(fact) is entity)

    return provide


def _children(name: str) -> Provider:
    def provide(vcenter: Vcenter, entity: Entity) -> Any:
        return refs(child for child in vcenter.inventory.children(entity) if child.type == name)

    return provide


def _all_of(name: str) -> Provider:
    def provide(vcenter: Vcenter, _entity: Entity) -> Any:
        return refs(each for each in vcenter.inventory.objects.values() if each.type == name)

    return provide


def _own(make: Callable[[Entity], Any]) -> Provider:
    return lambda _vcenter, entity: make(entity)


_CHILD_TYPES = {
    "Datacenters": ["Folder", "Datacenter"],
    "vm": ["Folder", "VirtualMachine", "VirtualApp"],
    "host": ["Folder", "ComputeResource"],
    "datastore": ["Folder", "Datastore", "StoragePod"],
    "network": ["Folder", "Network", "DistributedVirtualSwitch"],
}

_DATASTORES = _all_of("Datastore")
_NETWORKS = _all_of("Network")
_HOSTS = _all_of("HostSystem")
_MACHINES = _all_of("VirtualMachine")

_ENTITY: dict[str, Provider] = {
    "name": _own(lambda entity: entity.name),
    "parent": _own(lambda entity: ref(entity.parent)),
    "configStatus": _own(lambda _entity: vim.ManagedEntity.Status.green),
    **alarm_manager.ENTITY_PROPERTIES,
    **custom_fields_manager.ENTITY_PROPERTIES,
    **authorization_manager.ENTITY_PROPERTIES,
}

PROPERTIES: dict[str, dict[str, Provider]] = {
    "Folder": _ENTITY
    | {
        "childEntity": lambda vcenter, entity: refs(vcenter.inventory.children(entity)),
        "childType": _own(lambda entity: _CHILD_TYPES[entity.name]),
    },
    "Datacenter": _ENTITY
    | {
        "vmFolder": lambda vcenter, _entity: ref(vcenter.inventory.vm_folder),
        "hostFolder": lambda vcenter, _entity: ref(vcenter.inventory.host_folder),
        "datastoreFolder": lambda vcenter, _entity: ref(vcenter.inventory.datastore_folder),
        "networkFolder": lambda vcenter, _entity: ref(vcenter.inventory.network_folder),
        "datastore": _DATASTORES,
        "network": _NETWORKS,
    },
    "ClusterComputeResource": _ENTITY
    | {
        "resourcePool": lambda vcenter, _entity: ref(vcenter.inventory.root_pool),
        "host": _children("HostSystem"),
        "datastore": _DATASTORES,
        "network": _NETWORKS,
        "summary": _cluster_summary,
    },
    "HostSystem": _ENTITY
    | {
        "vm": _machines_with("host"),
        "datastore": _DATASTORES,
        "network": _NETWORKS,
        "runtime": _own(_host_runtime),
        "summary": _own(_host_summary),
    },
    "ResourcePool": _ENTITY
    | {
        "owner": lambda vcenter, _entity: ref(vcenter.inventory.cluster),
        "resourcePool": _children("ResourcePool"),
        "vm": _machines_with("resourcePool"),
        "config": _own(_pool_config),
        "runtime": _own(lambda _entity: _pool_runtime()),
        "summary": _own(_pool_summary),
    },
    "VirtualMachine": _ENTITY
    | MACHINE_PROPERTIES
    | {
        "datastore": _DATASTORES,
        "network": _NETWORKS,
    },
    "Datastore": _ENTITY | {"summary": _own(_datastore_summary), "vm": _MACHINES},
    "Network": _ENTITY
    | {
        "summary": _own(lambda entity: vim.Network.Summary(network=ref(entity), name=entity.name, accessible=True)),
        "host": _HOSTS,
        "vm": _MACHINES,
    },
}
