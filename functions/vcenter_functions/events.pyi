"""Written by docs/tools/event_catalog.py."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from vcenter_functions.event import Event as _Event
from vcenter_functions.reference import ManagedObjectReference

class DataObject(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...

class Fault(DataObject):
    faultstring: str | None

class AlarmEventArgument(DataObject):
    name: str
    alarm: ManagedObjectReference
class BoolPolicy(DataObject):
    inherited: bool
    value: bool | None
class ChangesInfoEventArgument(DataObject):
    modified: str | None
    added: str | None
    deleted: str | None
class ComputeResourceEventArgument(DataObject):
    name: str
    computeResource: ManagedObjectReference
class CryptoKeyId(DataObject):
    keyId: str
    providerId: KeyProviderId | None
class CryptoSpec(DataObject):
    ...
class DVPortSetting(DataObject):
    blocked: BoolPolicy | None
    vmDirectPathGen2Allowed: BoolPolicy | None
    inShapingPolicy: DVSTrafficShapingPolicy | None
    outShapingPolicy: DVSTrafficShapingPolicy | None
    vendorSpecificConfig: DVSVendorSpecificConfig | None
    networkResourcePoolKey: StringPolicy | None
    filterPolicy: DvsFilterPolicy | None
class DVPortStatus(DataObject):
    linkUp: bool
    blocked: bool
    vlanIds: list[NumericRange]
    trunkingMode: bool | None
    mtu: int | None
    linkPeer: str | None
    macAddress: str | None
    statusDetail: str | None
    vmDirectPathGen2Active: bool | None
    vmDirectPathGen2InactiveReasonNetwork: list[str]
    vmDirectPathGen2InactiveReasonOther: list[str]
    vmDirectPathGen2InactiveReasonExtended: str | None
class DVPortgroupConfigSpec(DataObject):
    configVersion: str | None
    name: str | None
    numPorts: int | None
    portNameFormat: str | None
    defaultPortConfig: DVPortSetting | None
    description: str | None
    type: str | None
    backingType: str | None
    scope: list[ManagedObjectReference]
    policy: DVPortgroupPolicy | None
    vendorSpecificConfig: list[DistributedVirtualSwitchKeyedOpaqueBlob]
    autoExpand: bool | None
    vmVnicNetworkResourcePoolKey: str | None
    transportZoneUuid: str | None
    transportZoneName: str | None
    logicalSwitchUuid: str | None
    segmentId: str | None
    subnetId: str | None
    nsxConfig: DVPortgroupNsxConfig | None
class DVPortgroupNsxConfig(DataObject):
    vlanIdExtended: int | None
    subnetAddresses: DVPortgroupNsxSubnetAddressInfo | None
    spanIds: list[str]
class DVPortgroupNsxSubnetAddressInfo(DataObject):
    cidr: list[str]
class DVPortgroupPolicy(DataObject):
    blockOverrideAllowed: bool
    shapingOverrideAllowed: bool
    vendorConfigOverrideAllowed: bool
    livePortMovingAllowed: bool
    portConfigResetAtDisconnect: bool
    networkResourcePoolOverrideAllowed: bool | None
    trafficFilterOverrideAllowed: bool | None
class DVSConfigSpec(DataObject):
    configVersion: str | None
    name: str | None
    numStandalonePorts: int | None
    maxPorts: int | None
    uplinkPortPolicy: DVSUplinkPortPolicy | None
    uplinkPortgroup: list[ManagedObjectReference]
    defaultPortConfig: DVPortSetting | None
    host: list[DistributedVirtualSwitchHostMemberConfigSpec]
    extensionKey: str | None
    description: str | None
    policy: DVSPolicy | None
    vendorSpecificConfig: list[DistributedVirtualSwitchKeyedOpaqueBlob]
    contact: DVSContactInfo | None
    switchIpAddress: str | None
    defaultProxySwitchMaxNumPorts: int | None
    infrastructureTrafficResourceConfig: list[DvsHostInfrastructureTrafficResource]
    netResourcePoolTrafficResourceConfig: list[DvsHostInfrastructureTrafficResource]
    networkResourceControlVersion: str | None
class DVSContactInfo(DataObject):
    name: str | None
    contact: str | None
class DVSHostLocalPortInfo(DataObject):
    switchUuid: str
    portKey: str
    setting: DVPortSetting
    vnic: str
class DVSPolicy(DataObject):
    autoPreInstallAllowed: bool | None
    autoUpgradeAllowed: bool | None
    partialUpgradeAllowed: bool | None
class DVSTrafficShapingPolicy(DataObject):
    inherited: bool
    enabled: BoolPolicy | None
    averageBandwidth: LongPolicy | None
    peakBandwidth: LongPolicy | None
    burstSize: LongPolicy | None
class DVSUplinkPortPolicy(DataObject):
    ...
class DVSVendorSpecificConfig(DataObject):
    inherited: bool
    keyValue: list[DistributedVirtualSwitchKeyedOpaqueBlob]
class DatacenterEventArgument(DataObject):
    name: str
    datacenter: ManagedObjectReference
class DatastoreEventArgument(DataObject):
    name: str
    datastore: ManagedObjectReference
class Description(DataObject):
    label: str
    summary: str
class DistributedVirtualSwitchHostMemberBacking(DataObject):
    ...
class DistributedVirtualSwitchHostMemberConfigSpec(DataObject):
    operation: str
    host: ManagedObjectReference
    backing: DistributedVirtualSwitchHostMemberBacking | None
    maxProxySwitchPorts: int | None
    vendorSpecificConfig: list[DistributedVirtualSwitchKeyedOpaqueBlob]
class DistributedVirtualSwitchKeyedOpaqueBlob(DataObject):
    key: str
    opaqueData: str
class DistributedVirtualSwitchPortConnectee(DataObject):
    connectedEntity: ManagedObjectReference | None
    nicKey: str | None
    type: str | None
    addressHint: str | None
class DistributedVirtualSwitchPortConnection(DataObject):
    switchUuid: str
    portgroupKey: str | None
    portKey: str | None
    connectionCookie: int | None
class DistributedVirtualSwitchProductSpec(DataObject):
    name: str | None
    vendor: str | None
    version: str | None
    build: str | None
    forwardingClass: str | None
    bundleId: str | None
    bundleUrl: str | None
class DvsEventArgument(DataObject):
    name: str
    dvs: ManagedObjectReference
class DvsFilterConfig(DataObject):
    inherited: bool
    key: str | None
    agentName: str | None
    slotNumber: str | None
    parameters: DvsFilterParameter | None
    onFailure: str | None
class DvsFilterParameter(DataObject):
    parameters: list[str]
class DvsFilterPolicy(DataObject):
    inherited: bool
    filterConfig: list[DvsFilterConfig]
class DvsHostInfrastructureTrafficResource(DataObject):
    key: str
    description: str | None
    allocationInfo: DvsHostInfrastructureTrafficResourceAllocation
class DvsHostInfrastructureTrafficResourceAllocation(DataObject):
    limit: int | None
    shares: SharesInfo | None
    reservation: int | None
class DvsOutOfSyncHostArgument(DataObject):
    outOfSyncHost: HostEventArgument
    configParamters: list[str]
class EntityEventArgument(DataObject):
    name: str
class ExtendedEventPair(DataObject):
    key: str
    value: str
class FaultToleranceConfigInfo(DataObject):
    role: int
    instanceUuids: list[str]
    configPaths: list[str]
    orphaned: bool | None
class FolderEventArgument(DataObject):
    name: str
    folder: ManagedObjectReference
class HostAccountSpec(DataObject):
    id: str
    password: str | None
    description: str | None
class HostCpuIdInfo(DataObject):
    level: int
    vendor: str | None
    eax: str | None
    ebx: str | None
    ecx: str | None
    edx: str | None
class HostEventArgument(DataObject):
    name: str
    host: ManagedObjectReference
class HostMemberHealthCheckResult(DataObject):
    summary: str | None
class HostSpecification(DataObject):
    createdTime: datetime
    lastModified: datetime | None
    host: ManagedObjectReference
    subSpecs: list[HostSubSpecification]
    changeID: str | None
class HostSubSpecification(DataObject):
    name: str
    createdTime: datetime
    data: list[int]
    binaryData: str | None
class KeyAnyValue(DataObject):
    key: str
    value: Any
class KeyProviderId(DataObject):
    id: str
class LatencySensitivity(DataObject):
    level: str
    sensitivity: int | None
class LicenseFeatureInfo(DataObject):
    key: str
    featureName: str
    featureDescription: str | None
    state: str | None
    costUnit: str
    sourceRestriction: str | None
    dependentKey: list[str]
    edition: bool | None
    expiresOn: datetime | None
class LocalizableMessage(DataObject):
    key: str
    arg: list[KeyAnyValue]
    message: str | None
class LongPolicy(DataObject):
    inherited: bool
    value: int | None
class ManagedByInfo(DataObject):
    extensionKey: str
    type: str
class ManagedEntityEventArgument(DataObject):
    name: str
    entity: ManagedObjectReference
class NetworkEventArgument(DataObject):
    name: str
    network: ManagedObjectReference
class NumericRange(DataObject):
    start: int
    end: int
class OptionValue(DataObject):
    key: str
    value: Any
class Permission(DataObject):
    entity: ManagedObjectReference | None
    principal: str
    group: bool
    roleId: int
    propagate: bool
class ProfileEventArgument(DataObject):
    profile: ManagedObjectReference
    name: str
class ReplicationConfigSpec(DataObject):
    generation: int
    vmReplicationId: str
    destination: str
    port: int
    rpo: int
    quiesceGuestEnabled: bool
    paused: bool
    oppUpdatesEnabled: bool
    netCompressionEnabled: bool | None
    netEncryptionEnabled: bool | None
    encryptionDestination: str | None
    additionalEncryptionDestination: list[str]
    encryptionPort: int | None
    remoteCertificateThumbprint: str | None
    dataSetsReplicationEnabled: bool | None
    useHbrProxyHttpPreamble: bool | None
    disk: list[ReplicationInfoDiskSettings]
class ReplicationInfoDiskSettings(DataObject):
    key: int
    diskReplicationId: str
class ResourceAllocationInfo(DataObject):
    reservation: int | None
    expandableReservation: bool | None
    limit: int | None
    shares: SharesInfo | None
    overheadLimit: int | None
class ResourcePoolEventArgument(DataObject):
    name: str
    resourcePool: ManagedObjectReference
class RoleEventArgument(DataObject):
    roleId: int
    name: str
class ScheduledHardwareUpgradeInfo(DataObject):
    upgradePolicy: str | None
    versionKey: str | None
    scheduledHardwareUpgradeStatus: str | None
    fault: Fault | None
class ScheduledTaskEventArgument(DataObject):
    name: str
    scheduledTask: ManagedObjectReference
class SharesInfo(DataObject):
    shares: int
    level: str
class StringPolicy(DataObject):
    inherited: bool
    value: str | None
class TagId(DataObject):
    nameId: TagIdNameId | None
    uuid: str | None
class TagIdNameId(DataObject):
    tag: str
    category: str
class TagSpec(DataObject):
    operation: str
    removeKey: Any
    id: TagId
class TaskInfo(DataObject):
    key: str
    task: ManagedObjectReference
    description: LocalizableMessage | None
    name: str | None
    descriptionId: str
    entity: ManagedObjectReference | None
    entityName: str | None
    locked: list[ManagedObjectReference]
    state: str
    cancelled: bool
    cancelable: bool
    error: Fault | None
    result: Any
    progress: int | None
    progressDetails: list[KeyAnyValue]
    reason: TaskReason
    queueTime: datetime
    startTime: datetime | None
    completeTime: datetime | None
    eventChainId: int
    changeTag: str | None
    parentTaskKey: str | None
    rootTaskKey: str | None
    activationId: str | None
class TaskReason(DataObject):
    ...
class TgwEventArgument(DataObject):
    name: str
    tgw: ManagedObjectReference
class ToolsConfigInfo(DataObject):
    toolsVersion: int | None
    toolsInstallType: str | None
    afterPowerOn: bool | None
    afterResume: bool | None
    beforeGuestStandby: bool | None
    beforeGuestShutdown: bool | None
    beforeGuestReboot: bool | None
    toolsUpgradePolicy: str | None
    pendingCustomization: str | None
    customizationKeyId: CryptoKeyId | None
    syncTimeWithHostAllowed: bool | None
    syncTimeWithHost: bool | None
    lastInstallInfo: ToolsConfigInfoToolsLastInstallInfo | None
class ToolsConfigInfoToolsLastInstallInfo(DataObject):
    counter: int
    fault: Fault | None
class VAppIPAssignmentInfo(DataObject):
    supportedAllocationScheme: list[str]
    ipAllocationPolicy: str | None
    supportedIpProtocol: list[str]
    ipProtocol: str | None
class VAppOvfSectionInfo(DataObject):
    key: int | None
    namespace: str | None
    type: str | None
    atEnvelopeLevel: bool | None
    contents: str | None
class VAppOvfSectionSpec(DataObject):
    operation: str
    removeKey: Any
    info: VAppOvfSectionInfo | None
class VAppProductInfo(DataObject):
    key: int
    classId: str | None
    instanceId: str | None
    name: str | None
    vendor: str | None
    version: str | None
    fullVersion: str | None
    vendorUrl: str | None
    productUrl: str | None
    appUrl: str | None
class VAppProductSpec(DataObject):
    operation: str
    removeKey: Any
    info: VAppProductInfo | None
class VAppPropertyInfo(DataObject):
    key: int
    classId: str | None
    instanceId: str | None
    id: str | None
    category: str | None
    label: str | None
    type: str | None
    typeReference: str | None
    userConfigurable: bool | None
    defaultValue: str | None
    value: str | None
    description: str | None
class VAppPropertySpec(DataObject):
    operation: str
    removeKey: Any
    info: VAppPropertyInfo | None
class VirtualDevice(DataObject):
    key: int
    deviceInfo: Description | None
    backing: VirtualDeviceBackingInfo | None
    connectable: VirtualDeviceConnectInfo | None
    slotInfo: VirtualDeviceBusSlotInfo | None
    controllerKey: int | None
    unitNumber: int | None
    numaNode: int | None
    deviceGroupInfo: VirtualDeviceDeviceGroupInfo | None
class VirtualDeviceBackingInfo(DataObject):
    ...
class VirtualDeviceBusSlotInfo(DataObject):
    ...
class VirtualDeviceConfigSpec(DataObject):
    operation: str | None
    fileOperation: str | None
    device: VirtualDevice
    profile: list[VirtualMachineProfileSpec]
    backing: VirtualDeviceConfigSpecBackingSpec | None
    filterSpec: list[VirtualMachineBaseIndependentFilterSpec]
    changeMode: str | None
class VirtualDeviceConfigSpecBackingSpec(DataObject):
    parent: VirtualDeviceConfigSpecBackingSpec | None
    crypto: CryptoSpec | None
class VirtualDeviceConnectInfo(DataObject):
    migrateConnect: str | None
    startConnected: bool
    allowGuestControl: bool
    connected: bool
    status: str | None
class VirtualDeviceDeviceGroupInfo(DataObject):
    groupInstanceKey: int
    sequenceId: int
class VirtualMachineAffinityInfo(DataObject):
    affinitySet: list[int]
class VirtualMachineBaseIndependentFilterSpec(DataObject):
    ...
class VirtualMachineBootOptions(DataObject):
    bootDelay: int | None
    enterBIOSSetup: bool | None
    efiSecureBootEnabled: bool | None
    bootRetryEnabled: bool | None
    bootRetryDelay: int | None
    bootOrder: list[VirtualMachineBootOptionsBootableDevice]
    networkBootProtocol: str | None
class VirtualMachineBootOptionsBootableDevice(DataObject):
    ...
class VirtualMachineConfigSpec(DataObject):
    changeVersion: str | None
    name: str | None
    version: str | None
    createDate: datetime | None
    uuid: str | None
    instanceUuid: str | None
    npivNodeWorldWideName: list[int]
    npivPortWorldWideName: list[int]
    npivWorldWideNameType: str | None
    npivDesiredNodeWwns: int | None
    npivDesiredPortWwns: int | None
    npivTemporaryDisabled: bool | None
    npivOnNonRdmDisks: bool | None
    npivWorldWideNameOp: str | None
    locationId: str | None
    guestId: str | None
    alternateGuestName: str | None
    annotation: str | None
    files: VirtualMachineFileInfo | None
    tools: ToolsConfigInfo | None
    flags: VirtualMachineFlagInfo | None
    consolePreferences: VirtualMachineConsolePreferences | None
    powerOpInfo: VirtualMachineDefaultPowerOpInfo | None
    rebootPowerOff: bool | None
    numCPUs: int | None
    vcpuConfig: list[VirtualMachineVcpuConfig]
    numCoresPerSocket: int | None
    memoryMB: int | None
    memoryHotAddEnabled: bool | None
    cpuHotAddEnabled: bool | None
    cpuHotRemoveEnabled: bool | None
    virtualICH7MPresent: bool | None
    virtualSMCPresent: bool | None
    deviceChange: list[VirtualDeviceConfigSpec]
    cpuAllocation: ResourceAllocationInfo | None
    memoryAllocation: ResourceAllocationInfo | None
    latencySensitivity: LatencySensitivity | None
    cpuAffinity: VirtualMachineAffinityInfo | None
    memoryAffinity: VirtualMachineAffinityInfo | None
    networkShaper: VirtualMachineNetworkShaperInfo | None
    cpuFeatureMask: list[VirtualMachineCpuIdInfoSpec]
    extraConfig: list[OptionValue]
    swapPlacement: str | None
    bootOptions: VirtualMachineBootOptions | None
    vAppConfig: VmConfigSpec | None
    ftInfo: FaultToleranceConfigInfo | None
    repConfig: ReplicationConfigSpec | None
    vAppConfigRemoved: bool | None
    vAssertsEnabled: bool | None
    changeTrackingEnabled: bool | None
    firmware: str | None
    maxMksConnections: int | None
    guestAutoLockEnabled: bool | None
    managedBy: ManagedByInfo | None
    memoryReservationLockedToMax: bool | None
    nestedHVEnabled: bool | None
    vPMCEnabled: bool | None
    scheduledHardwareUpgradeInfo: ScheduledHardwareUpgradeInfo | None
    vmProfile: list[VirtualMachineProfileSpec]
    messageBusTunnelEnabled: bool | None
    crypto: CryptoSpec | None
    migrateEncryption: str | None
    sgxInfo: VirtualMachineSgxInfo | None
    ftEncryptionMode: str | None
    guestMonitoringModeInfo: VirtualMachineGuestMonitoringModeInfo | None
    sevEnabled: bool | None
    virtualNuma: VirtualMachineVirtualNuma | None
    motherboardLayout: str | None
    pmemFailoverEnabled: bool | None
    vmxStatsCollectionEnabled: bool | None
    vmOpNotificationToAppEnabled: bool | None
    vmOpNotificationTimeout: int | None
    deviceSwap: VirtualMachineVirtualDeviceSwap | None
    simultaneousThreads: int | None
    pmem: VirtualMachineVirtualPMem | None
    deviceGroups: VirtualMachineVirtualDeviceGroups | None
    fixedPassthruHotPlugEnabled: bool | None
    metroFtEnabled: bool | None
    metroFtHostGroup: str | None
    tdxEnabled: bool | None
    sevSnpEnabled: bool | None
    tagSpecs: list[TagSpec]
    vmPlacementPolicies: list[VmPlacementPolicy]
class VirtualMachineConsolePreferences(DataObject):
    powerOnWhenOpened: bool | None
    enterFullScreenOnPowerOn: bool | None
    closeOnPowerOffOrSuspend: bool | None
class VirtualMachineCpuIdInfoSpec(DataObject):
    operation: str
    removeKey: Any
    info: HostCpuIdInfo | None
class VirtualMachineDefaultPowerOpInfo(DataObject):
    powerOffType: str | None
    suspendType: str | None
    resetType: str | None
    defaultPowerOffType: str | None
    defaultSuspendType: str | None
    defaultResetType: str | None
    standbyAction: str | None
class VirtualMachineFileInfo(DataObject):
    vmPathName: str | None
    snapshotDirectory: str | None
    suspendDirectory: str | None
    logDirectory: str | None
    ftMetadataDirectory: str | None
class VirtualMachineFlagInfo(DataObject):
    disableAcceleration: bool | None
    enableLogging: bool | None
    useToe: bool | None
    runWithDebugInfo: bool | None
    monitorType: str | None
    htSharing: str | None
    snapshotDisabled: bool | None
    snapshotLocked: bool | None
    diskUuidEnabled: bool | None
    virtualMmuUsage: str | None
    virtualExecUsage: str | None
    snapshotPowerOffBehavior: str | None
    recordReplayEnabled: bool | None
    faultToleranceType: str | None
    cbrcCacheEnabled: bool | None
    vvtdEnabled: bool | None
    vbsEnabled: bool | None
class VirtualMachineGuestMonitoringModeInfo(DataObject):
    gmmFile: str | None
    gmmAppliance: str | None
class VirtualMachineMessage(DataObject):
    id: str
    argument: list[Any]
    text: str | None
class VirtualMachineNetworkShaperInfo(DataObject):
    enabled: bool | None
    peakBps: int | None
    averageBps: int | None
    burstSize: int | None
class VirtualMachineProfileSpec(DataObject):
    ...
class VirtualMachineSgxInfo(DataObject):
    epcSize: int
    flcMode: str | None
    lePubKeyHash: str | None
    requireAttestation: bool | None
class VirtualMachineVcpuConfig(DataObject):
    latencySensitivity: LatencySensitivity | None
class VirtualMachineVirtualDeviceGroups(DataObject):
    deviceGroup: list[VirtualMachineVirtualDeviceGroupsDeviceGroup]
class VirtualMachineVirtualDeviceGroupsDeviceGroup(DataObject):
    groupInstanceKey: int
    deviceInfo: Description | None
class VirtualMachineVirtualDeviceSwap(DataObject):
    lsiToPvscsi: VirtualMachineVirtualDeviceSwapDeviceSwapInfo | None
class VirtualMachineVirtualDeviceSwapDeviceSwapInfo(DataObject):
    enabled: bool | None
    applicable: bool | None
    status: str | None
class VirtualMachineVirtualNuma(DataObject):
    coresPerNumaNode: int | None
    exposeVnumaOnCpuHotadd: bool | None
class VirtualMachineVirtualPMem(DataObject):
    snapshotMode: str | None
class VmConfigSpec(DataObject):
    product: list[VAppProductSpec]
    property: list[VAppPropertySpec]
    ipAssignment: VAppIPAssignmentInfo | None
    eula: list[str]
    ovfSection: list[VAppOvfSectionSpec]
    ovfEnvironmentTransport: list[str]
    installBootRequired: bool | None
    installBootStopDelay: int | None
class VmEventArgument(DataObject):
    name: str
    vm: ManagedObjectReference
class VmPlacementPolicy(DataObject):
    ...
class VnicPortArgument(DataObject):
    vnic: str
    port: DistributedVirtualSwitchPortConnection
class Event(_Event):
    key: int
    chainId: int
    createdTime: datetime
    userName: str
    datacenter: DatacenterEventArgument
    computeResource: ComputeResourceEventArgument
    host: HostEventArgument
    vm: VmEventArgument
    ds: DatastoreEventArgument
    net: NetworkEventArgument
    dvs: DvsEventArgument
    tgw: TgwEventArgument
    fullFormattedMessage: str | None
    changeTag: str | None
    auditId: str | None
class AlarmEvent(Event):
    alarm: AlarmEventArgument
class AuthorizationEvent(Event):
    ...
class ClusterEvent(Event):
    ...
class CustomFieldEvent(Event):
    ...
class DVPortgroupEvent(Event):
    ...
class DatacenterEvent(Event):
    ...
class DatastoreEvent(Event):
    datastore: DatastoreEventArgument
class DvsEvent(Event):
    ...
class EventEx(Event):
    eventTypeId: str
    severity_: str | None
    message_: str | None
    arguments: list[KeyAnyValue]
    objectId: str | None
    objectType: str | None
    objectName: str | None
    fault: Fault | None
class GeneralEvent(Event):
    message_: str
class HealthStatusChangedEvent(Event):
    componentId: str
    oldStatus: str
    newStatus: str
    componentName: str
    serviceId: str | None
class HostEvent(Event):
    ...
class HostInventoryUnreadableEvent(Event):
    ...
class LicenseEvent(Event):
    ...
class LicenseExpiredEvent(Event):
    feature: LicenseFeatureInfo
class LockerMisconfiguredEvent(Event):
    datastore: DatastoreEventArgument
class LockerReconfiguredEvent(Event):
    oldDatastore: DatastoreEventArgument
    newDatastore: DatastoreEventArgument
class NetworkRollbackEvent(Event):
    methodName: str
    transactionId: str
class ProfileEvent(Event):
    profile: ProfileEventArgument
class ResourcePoolEvent(Event):
    resourcePool: ResourcePoolEventArgument
class ScheduledTaskEvent(Event):
    scheduledTask: ScheduledTaskEventArgument
    entity: ManagedEntityEventArgument
class SessionEvent(Event):
    ...
class TaskEvent(Event):
    info: TaskInfo
class TemplateUpgradeEvent(Event):
    legacyTemplate: str
class UpgradeEvent(Event):
    message_: str
class VmEvent(Event):
    template: bool
class AccountCreatedEvent(HostEvent):
    spec: HostAccountSpec
    group: bool
class AccountRemovedEvent(HostEvent):
    account: str
    group: bool
class AccountUpdatedEvent(HostEvent):
    spec: HostAccountSpec
    group: bool
    prevDescription: str | None
class AdminPasswordNotChangedEvent(HostEvent):
    ...
class AlarmAcknowledgedEvent(AlarmEvent):
    source_: ManagedEntityEventArgument
    entity: ManagedEntityEventArgument
class AlarmActionTriggeredEvent(AlarmEvent):
    source_: ManagedEntityEventArgument
    entity: ManagedEntityEventArgument
class AlarmClearedEvent(AlarmEvent):
    source_: ManagedEntityEventArgument
    entity: ManagedEntityEventArgument
    from_: str
class AlarmCreatedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
class AlarmEmailCompletedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
    to: str
class AlarmEmailFailedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
    to: str
    reason: Fault
class AlarmReconfiguredEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
    configChanges: ChangesInfoEventArgument
class AlarmRemovedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
class AlarmScriptCompleteEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
    script: str
class AlarmScriptFailedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
    script: str
    reason: Fault
class AlarmSnmpCompletedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
class AlarmSnmpFailedEvent(AlarmEvent):
    entity: ManagedEntityEventArgument
    reason: Fault
class AlarmStatusChangedEvent(AlarmEvent):
    source_: ManagedEntityEventArgument
    entity: ManagedEntityEventArgument
    from_: str
    to: str
class AllVirtualMachinesLicensedEvent(LicenseEvent):
    ...
class AlreadyAuthenticatedSessionEvent(SessionEvent):
    ...
class BadUsernameSessionEvent(SessionEvent):
    ipAddress: str
class CanceledHostOperationEvent(HostEvent):
    ...
class ClusterComplianceCheckedEvent(ClusterEvent):
    profile: ProfileEventArgument
class ClusterCreatedEvent(ClusterEvent):
    parent: FolderEventArgument
class ClusterDestroyedEvent(ClusterEvent):
    ...
class ClusterOvercommittedEvent(ClusterEvent):
    ...
class ClusterReconfiguredEvent(ClusterEvent):
    configChanges: ChangesInfoEventArgument
class ClusterStatusChangedEvent(ClusterEvent):
    oldStatus: str
    newStatus: str
class CustomFieldDefEvent(CustomFieldEvent):
    fieldKey: int
    name_: str
class CustomFieldValueChangedEvent(CustomFieldEvent):
    entity: ManagedEntityEventArgument
    fieldKey: int
    name_: str
    value: str
    prevState: str | None
class CustomizationEvent(VmEvent):
    logLocation: str | None
class DVPortgroupCreatedEvent(DVPortgroupEvent):
    ...
class DVPortgroupDestroyedEvent(DVPortgroupEvent):
    ...
class DVPortgroupReconfiguredEvent(DVPortgroupEvent):
    configSpec: DVPortgroupConfigSpec
    configChanges: ChangesInfoEventArgument
class DVPortgroupRenamedEvent(DVPortgroupEvent):
    oldName: str
    newName: str
class DasAdmissionControlDisabledEvent(ClusterEvent):
    ...
class DasAdmissionControlEnabledEvent(ClusterEvent):
    ...
class DasAgentFoundEvent(ClusterEvent):
    ...
class DasAgentUnavailableEvent(ClusterEvent):
    ...
class DasClusterIsolatedEvent(ClusterEvent):
    ...
class DasDisabledEvent(ClusterEvent):
    ...
class DasEnabledEvent(ClusterEvent):
    ...
class DasHostFailedEvent(ClusterEvent):
    failedHost: HostEventArgument
class DasHostIsolatedEvent(ClusterEvent):
    isolatedHost: HostEventArgument
class DatacenterCreatedEvent(DatacenterEvent):
    parent: FolderEventArgument
class DatacenterRenamedEvent(DatacenterEvent):
    oldName: str
    newName: str
class DatastoreCapacityIncreasedEvent(DatastoreEvent):
    oldCapacity: int
    newCapacity: int
class DatastoreDestroyedEvent(DatastoreEvent):
    ...
class DatastoreDiscoveredEvent(HostEvent):
    datastore: DatastoreEventArgument
class DatastoreDuplicatedEvent(DatastoreEvent):
    ...
class DatastoreFileEvent(DatastoreEvent):
    targetFile: str
    sourceOfOperation: str | None
    succeeded: bool | None
class DatastoreIORMReconfiguredEvent(DatastoreEvent):
    ...
class DatastorePrincipalConfigured(HostEvent):
    datastorePrincipal: str
class DatastoreRemovedOnHostEvent(HostEvent):
    datastore: DatastoreEventArgument
class DatastoreRenamedEvent(DatastoreEvent):
    oldName: str
    newName: str
class DatastoreRenamedOnHostEvent(HostEvent):
    oldName: str
    newName: str
class DrsDisabledEvent(ClusterEvent):
    ...
class DrsEnabledEvent(ClusterEvent):
    behavior: str
class DrsInvocationFailedEvent(ClusterEvent):
    ...
class DrsRecoveredFromFailureEvent(ClusterEvent):
    ...
class DrsResourceConfigureFailedEvent(HostEvent):
    reason: Fault
class DrsResourceConfigureSyncedEvent(HostEvent):
    ...
class DrsRuleComplianceEvent(VmEvent):
    ...
class DrsRuleViolationEvent(VmEvent):
    ...
class DrsSoftRuleViolationEvent(VmEvent):
    ...
class DuplicateIpDetectedEvent(HostEvent):
    duplicateIP: str
    macAddress: str
class DvpgImportEvent(DVPortgroupEvent):
    importType: str
class DvpgRestoreEvent(DVPortgroupEvent):
    ...
class DvsCreatedEvent(DvsEvent):
    parent: FolderEventArgument
class DvsDestroyedEvent(DvsEvent):
    ...
class DvsHealthStatusChangeEvent(HostEvent):
    switchUuid: str
    healthResult: HostMemberHealthCheckResult | None
class DvsHostBackInSyncEvent(DvsEvent):
    hostBackInSync: HostEventArgument
class DvsHostJoinedEvent(DvsEvent):
    hostJoined: HostEventArgument
class DvsHostLeftEvent(DvsEvent):
    hostLeft: HostEventArgument
class DvsHostStatusUpdated(DvsEvent):
    hostMember: HostEventArgument
    oldStatus: str | None
    newStatus: str | None
    oldStatusDetail: str | None
    newStatusDetail: str | None
class DvsHostWentOutOfSyncEvent(DvsEvent):
    hostOutOfSync: DvsOutOfSyncHostArgument
class DvsImportEvent(DvsEvent):
    importType: str
class DvsMergedEvent(DvsEvent):
    sourceDvs: DvsEventArgument
    destinationDvs: DvsEventArgument
class DvsPortBlockedEvent(DvsEvent):
    portKey: str
    statusDetail: str | None
    runtimeInfo: DVPortStatus | None
    prevBlockState: str | None
class DvsPortConnectedEvent(DvsEvent):
    portKey: str
    connectee: DistributedVirtualSwitchPortConnectee | None
class DvsPortCreatedEvent(DvsEvent):
    portKey: list[str]
class DvsPortDeletedEvent(DvsEvent):
    portKey: list[str]
class DvsPortDisconnectedEvent(DvsEvent):
    portKey: str
    connectee: DistributedVirtualSwitchPortConnectee | None
class DvsPortEnteredPassthruEvent(DvsEvent):
    portKey: str
    runtimeInfo: DVPortStatus | None
class DvsPortExitedPassthruEvent(DvsEvent):
    portKey: str
    runtimeInfo: DVPortStatus | None
class DvsPortJoinPortgroupEvent(DvsEvent):
    portKey: str
    portgroupKey: str
    portgroupName: str
class DvsPortLeavePortgroupEvent(DvsEvent):
    portKey: str
    portgroupKey: str
    portgroupName: str
class DvsPortLinkDownEvent(DvsEvent):
    portKey: str
    runtimeInfo: DVPortStatus | None
class DvsPortLinkUpEvent(DvsEvent):
    portKey: str
    runtimeInfo: DVPortStatus | None
class DvsPortReconfiguredEvent(DvsEvent):
    portKey: list[str]
    configChanges: list[ChangesInfoEventArgument]
class DvsPortRuntimeChangeEvent(DvsEvent):
    portKey: str
    runtimeInfo: DVPortStatus
class DvsPortUnblockedEvent(DvsEvent):
    portKey: str
    runtimeInfo: DVPortStatus | None
    prevBlockState: str | None
class DvsPortVendorSpecificStateChangeEvent(DvsEvent):
    portKey: str
class DvsReconfiguredEvent(DvsEvent):
    configSpec: DVSConfigSpec
    configChanges: ChangesInfoEventArgument
class DvsRenamedEvent(DvsEvent):
    oldName: str
    newName: str
class DvsRestoreEvent(DvsEvent):
    ...
class DvsUpgradeAvailableEvent(DvsEvent):
    productInfo: DistributedVirtualSwitchProductSpec
class DvsUpgradeInProgressEvent(DvsEvent):
    productInfo: DistributedVirtualSwitchProductSpec
class DvsUpgradeRejectedEvent(DvsEvent):
    productInfo: DistributedVirtualSwitchProductSpec
class DvsUpgradedEvent(DvsEvent):
    productInfo: DistributedVirtualSwitchProductSpec
class EnteredMaintenanceModeEvent(HostEvent):
    ...
class EnteredStandbyModeEvent(HostEvent):
    ...
class EnteringMaintenanceModeEvent(HostEvent):
    ...
class EnteringStandbyModeEvent(HostEvent):
    ...
class ErrorUpgradeEvent(UpgradeEvent):
    ...
class ExitMaintenanceModeEvent(HostEvent):
    ...
class ExitStandbyModeFailedEvent(HostEvent):
    ...
class ExitedStandbyModeEvent(HostEvent):
    ...
class ExitingStandbyModeEvent(HostEvent):
    ...
class ExtendedEvent(GeneralEvent):
    eventTypeId: str
    managedObject: ManagedObjectReference
    data_: list[ExtendedEventPair]
class FailoverLevelRestored(ClusterEvent):
    ...
class GeneralHostErrorEvent(GeneralEvent):
    ...
class GeneralHostInfoEvent(GeneralEvent):
    ...
class GeneralHostWarningEvent(GeneralEvent):
    ...
class GeneralUserEvent(GeneralEvent):
    entity: ManagedEntityEventArgument
class GeneralVmErrorEvent(GeneralEvent):
    ...
class GeneralVmInfoEvent(GeneralEvent):
    ...
class GeneralVmWarningEvent(GeneralEvent):
    ...
class GhostDvsProxySwitchDetectedEvent(HostEvent):
    switchUuid: list[str]
class GhostDvsProxySwitchRemovedEvent(HostEvent):
    switchUuid: list[str]
class GlobalMessageChangedEvent(SessionEvent):
    message_: str
    prevMessage: str | None
class HostAddFailedEvent(HostEvent):
    hostname: str
class HostAddedEvent(HostEvent):
    ...
class HostAdminDisableEvent(HostEvent):
    ...
class HostAdminEnableEvent(HostEvent):
    ...
class HostCnxFailedAccountFailedEvent(HostEvent):
    ...
class HostCnxFailedAlreadyManagedEvent(HostEvent):
    serverName: str
class HostCnxFailedBadCcagentEvent(HostEvent):
    ...
class HostCnxFailedBadUsernameEvent(HostEvent):
    ...
class HostCnxFailedBadVersionEvent(HostEvent):
    ...
class HostCnxFailedCcagentUpgradeEvent(HostEvent):
    ...
class HostCnxFailedEvent(HostEvent):
    ...
class HostCnxFailedNetworkErrorEvent(HostEvent):
    ...
class HostCnxFailedNoAccessEvent(HostEvent):
    ...
class HostCnxFailedNoConnectionEvent(HostEvent):
    ...
class HostCnxFailedNoLicenseEvent(HostEvent):
    ...
class HostCnxFailedNotFoundEvent(HostEvent):
    ...
class HostCnxFailedTimeoutEvent(HostEvent):
    ...
class HostComplianceCheckedEvent(HostEvent):
    profile: ProfileEventArgument
class HostCompliantEvent(HostEvent):
    ...
class HostConfigAppliedEvent(HostEvent):
    ...
class HostConnectedEvent(HostEvent):
    ...
class HostConnectionLostEvent(HostEvent):
    ...
class HostDasDisabledEvent(HostEvent):
    ...
class HostDasDisablingEvent(HostEvent):
    ...
class HostDasEnabledEvent(HostEvent):
    ...
class HostDasEnablingEvent(HostEvent):
    ...
class HostDasErrorEvent(HostEvent):
    message_: str | None
    reason: str | None
class HostDasEvent(HostEvent):
    ...
class HostDasOkEvent(HostEvent):
    ...
class HostDisconnectedEvent(HostEvent):
    reason: str | None
class HostEnableAdminFailedEvent(HostEvent):
    permissions: list[Permission]
class HostGetShortNameFailedEvent(HostEvent):
    ...
class HostInAuditModeEvent(HostEvent):
    ...
class HostInventoryFullEvent(LicenseEvent):
    capacity: int
class HostIpChangedEvent(HostEvent):
    oldIP: str
    newIP: str
class HostIpInconsistentEvent(HostEvent):
    ipAddress: str
    ipAddress2: str
class HostIpToShortNameFailedEvent(HostEvent):
    ...
class HostLicenseExpiredEvent(LicenseEvent):
    ...
class HostLocalPortCreatedEvent(DvsEvent):
    hostLocalPort: DVSHostLocalPortInfo
class HostMonitoringStateChangedEvent(ClusterEvent):
    state: str
    prevState: str | None
class HostNonCompliantEvent(HostEvent):
    ...
class HostProfileAppliedEvent(HostEvent):
    profile: ProfileEventArgument
class HostReconnectionFailedEvent(HostEvent):
    ...
class HostRemovedEvent(HostEvent):
    ...
class HostShortNameToIpFailedEvent(HostEvent):
    shortName: str
class HostShutdownEvent(HostEvent):
    reason: str
class HostSpecificationChangedEvent(HostEvent):
    ...
class HostSpecificationRequireEvent(HostEvent):
    ...
class HostSpecificationUpdateEvent(HostEvent):
    hostSpec: HostSpecification
class HostSubSpecificationDeleteEvent(HostEvent):
    subSpecName: str
class HostSubSpecificationUpdateEvent(HostEvent):
    hostSubSpec: HostSubSpecification
class HostSyncFailedEvent(HostEvent):
    reason: Fault
class HostUpgradeFailedEvent(HostEvent):
    ...
class HostUserWorldSwapNotEnabledEvent(HostEvent):
    ...
class HostVnicConnectedToCustomizedDVPortEvent(HostEvent):
    vnic: VnicPortArgument
    prevPortKey: str | None
class HostWwnChangedEvent(HostEvent):
    oldNodeWwns: list[int]
    oldPortWwns: list[int]
    newNodeWwns: list[int]
    newPortWwns: list[int]
class HostWwnConflictEvent(HostEvent):
    conflictedVms: list[VmEventArgument]
    conflictedHosts: list[HostEventArgument]
    wwn: int
class IScsiBootFailureEvent(HostEvent):
    ...
class IncorrectHostInformationEvent(LicenseEvent):
    ...
class InfoUpgradeEvent(UpgradeEvent):
    ...
class InsufficientFailoverResourcesEvent(ClusterEvent):
    ...
class InvalidEditionEvent(LicenseEvent):
    feature: str
class LicenseNonComplianceEvent(LicenseEvent):
    url: str
class LicenseRestrictedEvent(LicenseEvent):
    ...
class LicenseServerAvailableEvent(LicenseEvent):
    licenseServer: str
class LicenseServerUnavailableEvent(LicenseEvent):
    licenseServer: str
class LocalDatastoreCreatedEvent(HostEvent):
    datastore: DatastoreEventArgument
    datastoreUrl: str | None
class LocalTSMEnabledEvent(HostEvent):
    ...
class MigrationEvent(VmEvent):
    fault: Fault
class NASDatastoreCreatedEvent(HostEvent):
    datastore: DatastoreEventArgument
    datastoreUrl: str | None
class NoAccessUserEvent(SessionEvent):
    ipAddress: str
class NoDatastoresConfiguredEvent(HostEvent):
    ...
class NoLicenseEvent(LicenseEvent):
    feature: LicenseFeatureInfo
class NoMaintenanceModeDrsRecommendationForVM(VmEvent):
    ...
class NonVIWorkloadDetectedOnDatastoreEvent(DatastoreEvent):
    ...
class NotEnoughResourcesToStartVmEvent(VmEvent):
    reason: str
class OutOfSyncDvsHost(DvsEvent):
    hostOutOfSync: list[DvsOutOfSyncHostArgument]
class PermissionEvent(AuthorizationEvent):
    entity: ManagedEntityEventArgument
    principal: str
    group: bool
class ProfileAssociatedEvent(ProfileEvent):
    ...
class ProfileChangedEvent(ProfileEvent):
    ...
class ProfileCreatedEvent(ProfileEvent):
    ...
class ProfileDissociatedEvent(ProfileEvent):
    ...
class ProfileReferenceHostChangedEvent(ProfileEvent):
    referenceHost: ManagedObjectReference | None
    referenceHostName: str | None
    prevReferenceHostName: str | None
class ProfileRemovedEvent(ProfileEvent):
    ...
class RecoveryEvent(DvsEvent):
    hostName: str
    portKey: str
    dvsUuid: str | None
    vnic: str | None
class RemoteTSMEnabledEvent(HostEvent):
    ...
class ResourcePoolCreatedEvent(ResourcePoolEvent):
    parent: ResourcePoolEventArgument
class ResourcePoolDestroyedEvent(ResourcePoolEvent):
    ...
class ResourcePoolMovedEvent(ResourcePoolEvent):
    oldParent: ResourcePoolEventArgument
    newParent: ResourcePoolEventArgument
class ResourcePoolReconfiguredEvent(ResourcePoolEvent):
    configChanges: ChangesInfoEventArgument
class ResourceViolatedEvent(ResourcePoolEvent):
    ...
class RoleEvent(AuthorizationEvent):
    role: RoleEventArgument
class RollbackEvent(DvsEvent):
    hostName: str
    methodName: str | None
class ScheduledTaskCompletedEvent(ScheduledTaskEvent):
    ...
class ScheduledTaskCreatedEvent(ScheduledTaskEvent):
    ...
class ScheduledTaskEmailCompletedEvent(ScheduledTaskEvent):
    to: str
class ScheduledTaskEmailFailedEvent(ScheduledTaskEvent):
    to: str
    reason: Fault
class ScheduledTaskFailedEvent(ScheduledTaskEvent):
    reason: Fault
class ScheduledTaskReconfiguredEvent(ScheduledTaskEvent):
    configChanges: ChangesInfoEventArgument
class ScheduledTaskRemovedEvent(ScheduledTaskEvent):
    ...
class ScheduledTaskStartedEvent(ScheduledTaskEvent):
    ...
class ServerLicenseExpiredEvent(LicenseEvent):
    product: str
class ServerStartedSessionEvent(SessionEvent):
    ...
class SessionTerminatedEvent(SessionEvent):
    sessionId: str
    terminatedUsername: str
class TaskTimeoutEvent(TaskEvent):
    ...
class TemplateBeingUpgradedEvent(TemplateUpgradeEvent):
    ...
class TemplateUpgradeFailedEvent(TemplateUpgradeEvent):
    reason: Fault
class TemplateUpgradedEvent(TemplateUpgradeEvent):
    ...
class TimedOutHostOperationEvent(HostEvent):
    ...
class UnlicensedVirtualMachinesEvent(LicenseEvent):
    unlicensed: int
    available: int
class UnlicensedVirtualMachinesFoundEvent(LicenseEvent):
    available: int
class UpdatedAgentBeingRestartedEvent(HostEvent):
    ...
class UserAssignedToGroup(HostEvent):
    userLogin: str
    group: str
class UserLoginSessionEvent(SessionEvent):
    ipAddress: str
    userAgent: str | None
    locale: str
    sessionId: str
class UserLogoutSessionEvent(SessionEvent):
    ipAddress: str | None
    userAgent: str | None
    callCount: int | None
    sessionId: str | None
    loginTime: datetime | None
class UserPasswordChanged(HostEvent):
    userLogin: str
class UserUnassignedFromGroup(HostEvent):
    userLogin: str
    group: str
class UserUpgradeEvent(UpgradeEvent):
    ...
class VMFSDatastoreCreatedEvent(HostEvent):
    datastore: DatastoreEventArgument
    datastoreUrl: str | None
class VMFSDatastoreExpandedEvent(HostEvent):
    datastore: DatastoreEventArgument
class VMFSDatastoreExtendedEvent(HostEvent):
    datastore: DatastoreEventArgument
class VMotionLicenseExpiredEvent(LicenseEvent):
    ...
class VcAgentUninstallFailedEvent(HostEvent):
    reason: str | None
class VcAgentUninstalledEvent(HostEvent):
    ...
class VcAgentUpgradeFailedEvent(HostEvent):
    reason: str | None
class VcAgentUpgradedEvent(HostEvent):
    ...
class VimAccountPasswordChangedEvent(HostEvent):
    ...
class VmAcquiredMksTicketEvent(VmEvent):
    ...
class VmAcquiredTicketEvent(VmEvent):
    ticketType: str
class VmAutoRenameEvent(VmEvent):
    oldName: str
    newName: str
class VmBeingCreatedEvent(VmEvent):
    configSpec: VirtualMachineConfigSpec | None
class VmBeingDeployedEvent(VmEvent):
    srcTemplate: VmEventArgument
class VmBeingHotMigratedEvent(VmEvent):
    destHost: HostEventArgument
    destDatacenter: DatacenterEventArgument
    destDatastore: DatastoreEventArgument
class VmBeingMigratedEvent(VmEvent):
    destHost: HostEventArgument
    destDatacenter: DatacenterEventArgument
    destDatastore: DatastoreEventArgument
class VmCloneEvent(VmEvent):
    ...
class VmConfigMissingEvent(VmEvent):
    ...
class VmConnectedEvent(VmEvent):
    ...
class VmCreatedEvent(VmEvent):
    ...
class VmDasBeingResetEvent(VmEvent):
    reason: str | None
class VmDasResetFailedEvent(VmEvent):
    ...
class VmDasUpdateErrorEvent(VmEvent):
    ...
class VmDasUpdateOkEvent(VmEvent):
    ...
class VmDateRolledBackEvent(VmEvent):
    ...
class VmDeployFailedEvent(VmEvent):
    destDatastore: EntityEventArgument
    reason: Fault
class VmDeployedEvent(VmEvent):
    srcTemplate: VmEventArgument
class VmDisconnectedEvent(VmEvent):
    ...
class VmDiscoveredEvent(VmEvent):
    ...
class VmDiskFailedEvent(VmEvent):
    disk: str
    reason: Fault
class VmEmigratingEvent(VmEvent):
    ...
class VmEndRecordingEvent(VmEvent):
    ...
class VmEndReplayingEvent(VmEvent):
    ...
class VmFailedMigrateEvent(VmEvent):
    destHost: HostEventArgument
    reason: Fault
    destDatacenter: DatacenterEventArgument
    destDatastore: DatastoreEventArgument
class VmFailedRelayoutEvent(VmEvent):
    reason: Fault
class VmFailedRelayoutOnVmfs2DatastoreEvent(VmEvent):
    ...
class VmFailedStartingSecondaryEvent(VmEvent):
    reason: str | None
class VmFailedToPowerOffEvent(VmEvent):
    reason: Fault
class VmFailedToPowerOnEvent(VmEvent):
    reason: Fault
class VmFailedToRebootGuestEvent(VmEvent):
    reason: Fault
class VmFailedToResetEvent(VmEvent):
    reason: Fault
class VmFailedToShutdownGuestEvent(VmEvent):
    reason: Fault
class VmFailedToStandbyGuestEvent(VmEvent):
    reason: Fault
class VmFailedToSuspendEvent(VmEvent):
    reason: Fault
class VmFailedUpdatingSecondaryConfig(VmEvent):
    ...
class VmFailoverFailed(VmEvent):
    reason: Fault | None
class VmFaultToleranceStateChangedEvent(VmEvent):
    oldState: str
    newState: str
class VmFaultToleranceTurnedOffEvent(VmEvent):
    ...
class VmFaultToleranceVmTerminatedEvent(VmEvent):
    reason: str | None
class VmGuestOSCrashedEvent(VmEvent):
    ...
class VmGuestRebootEvent(VmEvent):
    ...
class VmGuestShutdownEvent(VmEvent):
    ...
class VmGuestStandbyEvent(VmEvent):
    ...
class VmHealthMonitoringStateChangedEvent(ClusterEvent):
    state: str
    prevState: str | None
class VmInstanceUuidAssignedEvent(VmEvent):
    instanceUuid: str
class VmInstanceUuidChangedEvent(VmEvent):
    oldInstanceUuid: str
    newInstanceUuid: str
class VmInstanceUuidConflictEvent(VmEvent):
    conflictedVm: VmEventArgument
    instanceUuid: str
class VmMacAssignedEvent(VmEvent):
    adapter: str
    mac: str
class VmMacChangedEvent(VmEvent):
    adapter: str
    oldMac: str
    newMac: str
class VmMacConflictEvent(VmEvent):
    conflictedVm: VmEventArgument
    mac: str
class VmMaxFTRestartCountReached(VmEvent):
    ...
class VmMaxRestartCountReached(VmEvent):
    ...
class VmMessageErrorEvent(VmEvent):
    message_: str
    messageInfo: list[VirtualMachineMessage]
class VmMessageEvent(VmEvent):
    message_: str
    messageInfo: list[VirtualMachineMessage]
class VmMessageWarningEvent(VmEvent):
    message_: str
    messageInfo: list[VirtualMachineMessage]
class VmMigratedEvent(VmEvent):
    sourceHost: HostEventArgument
    sourceDatacenter: DatacenterEventArgument
    sourceDatastore: DatastoreEventArgument
class VmNoCompatibleHostForSecondaryEvent(VmEvent):
    ...
class VmNoNetworkAccessEvent(VmEvent):
    destHost: HostEventArgument
class VmOrphanedEvent(VmEvent):
    ...
class VmPoweredOffEvent(VmEvent):
    ...
class VmPoweredOnEvent(VmEvent):
    ...
class VmPoweringOnWithCustomizedDVPortEvent(VmEvent):
    vnic: list[VnicPortArgument]
class VmPrimaryFailoverEvent(VmEvent):
    reason: str | None
class VmReconfiguredEvent(VmEvent):
    configSpec: VirtualMachineConfigSpec
    configChanges: ChangesInfoEventArgument
class VmRegisteredEvent(VmEvent):
    ...
class VmRelayoutSuccessfulEvent(VmEvent):
    ...
class VmRelayoutUpToDateEvent(VmEvent):
    ...
class VmReloadFromPathEvent(VmEvent):
    configPath: str
class VmReloadFromPathFailedEvent(VmEvent):
    configPath: str
class VmRelocateSpecEvent(VmEvent):
    ...
class VmRemoteConsoleConnectedEvent(VmEvent):
    ...
class VmRemoteConsoleDisconnectedEvent(VmEvent):
    ...
class VmRemovedEvent(VmEvent):
    ...
class VmRenamedEvent(VmEvent):
    oldName: str
    newName: str
class VmRequirementsExceedCurrentEVCModeEvent(VmEvent):
    ...
class VmResettingEvent(VmEvent):
    ...
class VmResourcePoolMovedEvent(VmEvent):
    oldParent: ResourcePoolEventArgument
    newParent: ResourcePoolEventArgument
class VmResourceReallocatedEvent(VmEvent):
    configChanges: ChangesInfoEventArgument
class VmResumingEvent(VmEvent):
    ...
class VmSecondaryAddedEvent(VmEvent):
    ...
class VmSecondaryDisabledBySystemEvent(VmEvent):
    reason: Fault | None
class VmSecondaryDisabledEvent(VmEvent):
    ...
class VmSecondaryEnabledEvent(VmEvent):
    ...
class VmSecondaryStartedEvent(VmEvent):
    ...
class VmStartRecordingEvent(VmEvent):
    ...
class VmStartReplayingEvent(VmEvent):
    ...
class VmStartingEvent(VmEvent):
    ...
class VmStartingSecondaryEvent(VmEvent):
    ...
class VmStaticMacConflictEvent(VmEvent):
    conflictedVm: VmEventArgument
    mac: str
class VmStoppingEvent(VmEvent):
    ...
class VmSuspendedEvent(VmEvent):
    ...
class VmSuspendingEvent(VmEvent):
    ...
class VmTimedoutStartingSecondaryEvent(VmEvent):
    timeout: int | None
class VmUpgradeCompleteEvent(VmEvent):
    version: str
class VmUpgradeFailedEvent(VmEvent):
    ...
class VmUpgradingEvent(VmEvent):
    version: str
class VmUuidAssignedEvent(VmEvent):
    uuid: str
class VmUuidChangedEvent(VmEvent):
    oldUuid: str
    newUuid: str
class VmUuidConflictEvent(VmEvent):
    conflictedVm: VmEventArgument
    uuid: str
class VmVnicPoolReservationViolationClearEvent(DvsEvent):
    vmVnicResourcePoolKey: str
    vmVnicResourcePoolName: str | None
class VmVnicPoolReservationViolationRaiseEvent(DvsEvent):
    vmVnicResourcePoolKey: str
    vmVnicResourcePoolName: str | None
class VmWwnAssignedEvent(VmEvent):
    nodeWwns: list[int]
    portWwns: list[int]
class VmWwnChangedEvent(VmEvent):
    oldNodeWwns: list[int]
    oldPortWwns: list[int]
    newNodeWwns: list[int]
    newPortWwns: list[int]
class VmWwnConflictEvent(VmEvent):
    conflictedVms: list[VmEventArgument]
    conflictedHosts: list[HostEventArgument]
    wwn: int
class WarningUpgradeEvent(UpgradeEvent):
    ...
class CustomFieldDefAddedEvent(CustomFieldDefEvent):
    ...
class CustomFieldDefRemovedEvent(CustomFieldDefEvent):
    ...
class CustomFieldDefRenamedEvent(CustomFieldDefEvent):
    newName: str
class CustomizationFailed(CustomizationEvent):
    reason: str | None
class CustomizationStartedEvent(CustomizationEvent):
    ...
class CustomizationSucceeded(CustomizationEvent):
    ...
class DatastoreFileCopiedEvent(DatastoreFileEvent):
    sourceDatastore: DatastoreEventArgument
    sourceFile: str
class DatastoreFileDeletedEvent(DatastoreFileEvent):
    ...
class DatastoreFileMovedEvent(DatastoreFileEvent):
    sourceDatastore: DatastoreEventArgument
    sourceFile: str
class DrsEnteredStandbyModeEvent(EnteredStandbyModeEvent):
    ...
class DrsEnteringStandbyModeEvent(EnteringStandbyModeEvent):
    ...
class DrsExitStandbyModeFailedEvent(ExitStandbyModeFailedEvent):
    ...
class DrsExitedStandbyModeEvent(ExitedStandbyModeEvent):
    ...
class DrsExitingStandbyModeEvent(ExitingStandbyModeEvent):
    ...
class DrsVmMigratedEvent(VmMigratedEvent):
    ...
class DrsVmPoweredOnEvent(VmPoweredOnEvent):
    ...
class HostExtraNetworksEvent(HostDasEvent):
    ips: str | None
class HostIsolationIpPingFailedEvent(HostDasEvent):
    isolationIp: str
class HostMissingNetworksEvent(HostDasEvent):
    ips: str | None
class HostNoAvailableNetworksEvent(HostDasEvent):
    ips: str | None
class HostNoHAEnabledPortGroupsEvent(HostDasEvent):
    ...
class HostNoRedundantManagementNetworkEvent(HostDasEvent):
    ...
class HostNotInClusterEvent(HostDasEvent):
    ...
class HostOvercommittedEvent(ClusterOvercommittedEvent):
    ...
class HostPrimaryAgentNotShortNameEvent(HostDasEvent):
    primaryAgent: str
class HostShortNameInconsistentEvent(HostDasEvent):
    shortName: str
    shortName2: str
class HostStatusChangedEvent(ClusterStatusChangedEvent):
    ...
class MigrationErrorEvent(MigrationEvent):
    ...
class MigrationHostErrorEvent(MigrationEvent):
    dstHost: HostEventArgument
class MigrationHostWarningEvent(MigrationEvent):
    dstHost: HostEventArgument
class MigrationResourceErrorEvent(MigrationEvent):
    dstPool: ResourcePoolEventArgument
    dstHost: HostEventArgument
class MigrationResourceWarningEvent(MigrationEvent):
    dstPool: ResourcePoolEventArgument
    dstHost: HostEventArgument
class MigrationWarningEvent(MigrationEvent):
    ...
class MtuMatchEvent(DvsHealthStatusChangeEvent):
    ...
class MtuMismatchEvent(DvsHealthStatusChangeEvent):
    ...
class PermissionAddedEvent(PermissionEvent):
    role: RoleEventArgument
    propagate: bool
class PermissionRemovedEvent(PermissionEvent):
    ...
class PermissionUpdatedEvent(PermissionEvent):
    role: RoleEventArgument
    propagate: bool
    prevRole: RoleEventArgument
    prevPropagate: bool | None
class RoleAddedEvent(RoleEvent):
    privilegeList: list[str]
class RoleRemovedEvent(RoleEvent):
    ...
class RoleUpdatedEvent(RoleEvent):
    privilegeList: list[str]
    prevRoleName: str | None
    privilegesAdded: list[str]
    privilegesRemoved: list[str]
class TeamingMatchEvent(DvsHealthStatusChangeEvent):
    ...
class TeamingMisMatchEvent(DvsHealthStatusChangeEvent):
    ...
class UplinkPortMtuNotSupportEvent(DvsHealthStatusChangeEvent):
    ...
class UplinkPortMtuSupportEvent(DvsHealthStatusChangeEvent):
    ...
class UplinkPortVlanTrunkedEvent(DvsHealthStatusChangeEvent):
    ...
class UplinkPortVlanUntrunkedEvent(DvsHealthStatusChangeEvent):
    ...
class VmBeingClonedEvent(VmCloneEvent):
    destFolder: FolderEventArgument
    destName: str
    destHost: HostEventArgument
class VmBeingClonedNoFolderEvent(VmCloneEvent):
    destName: str
    destHost: HostEventArgument
class VmBeingRelocatedEvent(VmRelocateSpecEvent):
    destHost: HostEventArgument
    destDatacenter: DatacenterEventArgument
    destDatastore: DatastoreEventArgument
class VmCloneFailedEvent(VmCloneEvent):
    destFolder: FolderEventArgument
    destName: str
    destHost: HostEventArgument
    reason: Fault
class VmClonedEvent(VmCloneEvent):
    sourceVm: VmEventArgument
class VmDasBeingResetWithScreenshotEvent(VmDasBeingResetEvent):
    screenshotFilePath: str
class VmPowerOffOnIsolationEvent(VmPoweredOffEvent):
    isolatedHost: HostEventArgument
class VmRelocateFailedEvent(VmRelocateSpecEvent):
    destHost: HostEventArgument
    reason: Fault
    destDatacenter: DatacenterEventArgument
    destDatastore: DatastoreEventArgument
class VmRelocatedEvent(VmRelocateSpecEvent):
    sourceHost: HostEventArgument
    sourceDatacenter: DatacenterEventArgument
    sourceDatastore: DatastoreEventArgument
class VmRestartedOnAlternateHostEvent(VmPoweredOnEvent):
    sourceHost: HostEventArgument
class VmShutdownOnIsolationEvent(VmPoweredOffEvent):
    isolatedHost: HostEventArgument
    shutdownResult: str | None
class VmUnsupportedStartingEvent(VmStartingEvent):
    guestId: str
class CustomizationLinuxIdentityFailed(CustomizationFailed):
    ...
class CustomizationNetworkSetupFailed(CustomizationFailed):
    ...
class CustomizationSysprepFailed(CustomizationFailed):
    sysprepVersion: str
    systemVersion: str
class CustomizationUnknownFailure(CustomizationFailed):
    ...
