#include "batch/local/service/definitions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "batch/local/service/batch_time.hpp"

namespace shipyard::local {
namespace {

using nlohmann::json;
using Faults = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kTable = R"json({
"AffinityInformation": {"affinityId!": "string"},
"ApplicationPackageReference": {"applicationId!": "string", "version": "string"},
"AuthenticationTokenSettings": {"access": ["job"]},
"AutoPoolSpecification": {"autoPoolIdPrefix": "string", "poolLifetimeOption!": "jobschedule|job",
  "keepAlive": "boolean", "pool": "PoolSpecification"},
"AutoUserSpecification": {"scope": "task|pool", "elevationLevel": "nonadmin|admin"},
"AutomaticOSUpgradePolicy": {"disableAutomaticRollback": "boolean", "enableAutomaticOSUpgrade":
  "boolean", "useRollingUpgradePolicy": "boolean", "osRollingUpgradeDeferral": "boolean"},
"AzureBlobFileSystemConfiguration": {"accountName!": "string", "containerName!": "string", "accountKey":
  "string", "sasKey": "string", "blobfuseOptions": "string", "relativeMountPath!": "string",
  "identityReference": "ComputeNodeIdentityReference"},
"AzureFileShareConfiguration": {"accountName!": "string", "azureFileUrl!": "string", "accountKey!":
  "string", "relativeMountPath!": "string", "mountOptions": "string"},
"CIFSMountConfiguration": {"username!": "string", "source!": "string", "relativeMountPath!": "string",
  "mountOptions": "string", "password!": "string"},
"CertificateReference": {"thumbprint!": "string", "thumbprintAlgorithm!": "string", "storeLocation":
  "currentuser|localmachine", "storeName": "string", "visibility": ["starttask|task|remoteuser"]},
"CloudServiceConfiguration": {"osFamily!": "string", "osVersion": "string"},
"ComputeNodeIdentityReference": {"resourceId": "string"},
"ContainerConfiguration": {"type!": "dockerCompatible|criCompatible", "containerImageNames": ["string"],
  "containerRegistries": ["ContainerRegistry"]},
"ContainerHostBatchBindMountEntry": {"source": "string", "isReadOnly": "boolean"},
"ContainerRegistry": {"username": "string", "password": "string", "registryServer": "string",
  "identityReference": "ComputeNodeIdentityReference"},
"DataDisk": {"lun!": "int32", "caching": "none|readonly|readwrite", "diskSizeGB!": "int32",
  "storageAccountType": "standard_lrs|premium_lrs|standardssd_lrs"},
"DiffDiskSettings": {"placement": "CacheDisk"},
"DiskEncryptionConfiguration": {"targets": ["osdisk|temporarydisk"]},
"EnvironmentSetting": {"name!": "string", "value": "string"},
"ExitCodeMapping": {"code!": "int32", "exitOptions!": "ExitOptions"},
"ExitCodeRangeMapping": {"start!": "int32", "end!": "int32", "exitOptions!": "ExitOptions"},
"ExitConditions": {"exitCodes": ["ExitCodeMapping"], "exitCodeRanges": ["ExitCodeRangeMapping"],
  "preProcessingError": "ExitOptions", "fileUploadError": "ExitOptions", "default": "ExitOptions"},
"ExitOptions": {"jobAction": "none|disable|terminate", "dependencyAction": "satisfy|block"},
"HttpHeader": {"name!": "string", "value": "string"},
"ImageReference": {"publisher": "string", "offer": "string", "sku": "string", "version": "string",
  "virtualMachineImageId": "string"},
"InboundNATPool": {"name!": "string", "protocol!": "tcp|udp", "backendPort!": "int32",
  "frontendPortRangeStart!": "int32", "frontendPortRangeEnd!": "int32", "networkSecurityGroupRules":
  ["NetworkSecurityGroupRule"]},
"JobAddParameter": {"id!": "string", "displayName": "string", "priority": "int32", "maxParallelTasks":
  "int32", "allowTaskPreemption": "boolean", "constraints": "JobConstraints", "jobManagerTask":
  "JobManagerTask", "jobPreparationTask": "JobPreparationTask", "jobReleaseTask": "JobReleaseTask",
  "commonEnvironmentSettings": ["EnvironmentSetting"], "poolInfo!": "PoolInformation",
  "onAllTasksComplete": "noaction|terminatejob", "onTaskFailure": "noaction|performexitoptionsjobaction",
  "metadata": ["MetadataItem"], "usesTaskDependencies": "boolean", "networkConfiguration":
  "JobNetworkConfiguration"},
"JobConstraints": {"maxWallClockTime": "duration", "maxTaskRetryCount": "int32"},
"JobDisableParameter": {"disableTasks!": "requeue|terminate|wait"},
"JobManagerTask": {"id!": "string", "displayName": "string", "commandLine!": "string",
  "containerSettings": "TaskContainerSettings", "resourceFiles": ["ResourceFile"], "outputFiles":
  ["OutputFile"], "environmentSettings": ["EnvironmentSetting"], "constraints": "TaskConstraints",
  "requiredSlots": "int32", "killJobOnCompletion": "boolean", "userIdentity": "UserIdentity",
  "runExclusive": "boolean", "applicationPackageReferences": ["ApplicationPackageReference"],
  "authenticationTokenSettings": "AuthenticationTokenSettings", "allowLowPriorityNode": "boolean"},
"JobNetworkConfiguration": {"subnetId!": "string"},
"JobPatchParameter": {"priority": "int32", "maxParallelTasks": "int32", "allowTaskPreemption":
  "boolean", "onAllTasksComplete": "noaction|terminatejob", "constraints": "JobConstraints", "poolInfo":
  "PoolInformation", "metadata": ["MetadataItem"]},
"JobPreparationTask": {"id": "string", "commandLine!": "string", "containerSettings":
  "TaskContainerSettings", "resourceFiles": ["ResourceFile"], "environmentSettings":
  ["EnvironmentSetting"], "constraints": "TaskConstraints", "waitForSuccess": "boolean", "userIdentity":
  "UserIdentity", "rerunOnNodeRebootAfterSuccess": "boolean"},
"JobReleaseTask": {"id": "string", "commandLine!": "string", "containerSettings":
  "TaskContainerSettings", "resourceFiles": ["ResourceFile"], "environmentSettings":
  ["EnvironmentSetting"], "maxWallClockTime": "duration", "retentionTime": "duration", "userIdentity":
  "UserIdentity"},
"JobTerminateParameter": {"terminateReason": "string"},
"JobUpdateParameter": {"priority": "int32", "maxParallelTasks": "int32", "allowTaskPreemption":
  "boolean", "constraints": "JobConstraints", "poolInfo!": "PoolInformation", "metadata":
  ["MetadataItem"], "onAllTasksComplete": "noaction|terminatejob"},
"LinuxUserConfiguration": {"uid": "int32", "gid": "int32", "sshPrivateKey": "string"},
"ManagedDisk": {"storageAccountType": "standard_lrs|premium_lrs|standardssd_lrs"},
"MetadataItem": {"name!": "string", "value!": "string"},
"MountConfiguration": {"azureBlobFileSystemConfiguration": "AzureBlobFileSystemConfiguration",
  "nfsMountConfiguration": "NFSMountConfiguration", "cifsMountConfiguration": "CIFSMountConfiguration",
  "azureFileShareConfiguration": "AzureFileShareConfiguration"},
"MultiInstanceSettings": {"numberOfInstances": "int32", "coordinationCommandLine!": "string",
  "commonResourceFiles": ["ResourceFile"]},
"NFSMountConfiguration": {"source!": "string", "relativeMountPath!": "string", "mountOptions": "string"},
"NetworkConfiguration": {"subnetId": "string", "dynamicVNetAssignmentScope": "none|job",
  "endpointConfiguration": "PoolEndpointConfiguration", "publicIPAddressConfiguration":
  "PublicIPAddressConfiguration", "enableAcceleratedNetworking": "boolean"},
"NetworkSecurityGroupRule": {"priority!": "int32", "access!": "allow|deny", "sourceAddressPrefix!":
  "string", "sourcePortRanges": ["string"]},
"NodePlacementConfiguration": {"policy": "regional|zonal"},
"OSDisk": {"ephemeralOSDiskSettings": "DiffDiskSettings", "caching": "none|readonly|readwrite",
  "managedDisk": "ManagedDisk", "diskSizeGB": "int32", "writeAcceleratorEnabled": "boolean"},
"OutputFile": {"filePattern!": "string", "destination!": "OutputFileDestination", "uploadOptions!":
  "OutputFileUploadOptions"},
"OutputFileBlobContainerDestination": {"path": "string", "containerUrl!": "string", "identityReference":
  "ComputeNodeIdentityReference", "uploadHeaders": ["HttpHeader"]},
"OutputFileDestination": {"container": "OutputFileBlobContainerDestination"},
"OutputFileUploadOptions": {"uploadCondition!": "tasksuccess|taskfailure|taskcompletion"},
"PoolAddParameter": {"id!": "string", "displayName": "string", "vmSize!": "string",
  "cloudServiceConfiguration": "CloudServiceConfiguration", "virtualMachineConfiguration":
  "VirtualMachineConfiguration", "resizeTimeout": "duration", "targetDedicatedNodes": "int32",
  "targetLowPriorityNodes": "int32", "enableAutoScale": "boolean", "autoScaleFormula": "string",
  "autoScaleEvaluationInterval": "duration", "enableInterNodeCommunication": "boolean",
  "networkConfiguration": "NetworkConfiguration", "startTask": "StartTask", "certificateReferences":
  ["CertificateReference"], "applicationPackageReferences": ["ApplicationPackageReference"],
  "applicationLicenses": ["string"], "taskSlotsPerNode": "int32", "taskSchedulingPolicy":
  "TaskSchedulingPolicy", "userAccounts": ["UserAccount"], "metadata": ["MetadataItem"],
  "mountConfiguration": ["MountConfiguration"], "targetNodeCommunicationMode":
  "default|classic|simplified", "upgradePolicy": "UpgradePolicy", "resourceTags": "map"},
"PoolEndpointConfiguration": {"inboundNATPools!": ["InboundNATPool"]},
"PoolInformation": {"poolId": "string", "autoPoolSpecification": "AutoPoolSpecification"},
"PoolPatchParameter": {"startTask": "StartTask", "certificateReferences": ["CertificateReference"],
  "applicationPackageReferences": ["ApplicationPackageReference"], "metadata": ["MetadataItem"],
  "targetNodeCommunicationMode": "default|classic|simplified"},
"PoolResizeParameter": {"targetDedicatedNodes": "int32", "targetLowPriorityNodes": "int32",
  "resizeTimeout": "duration", "nodeDeallocationOption": "requeue|terminate|taskcompletion|retaineddata"},
"PoolSpecification": {"displayName": "string", "vmSize!": "string", "cloudServiceConfiguration":
  "CloudServiceConfiguration", "virtualMachineConfiguration": "VirtualMachineConfiguration",
  "taskSlotsPerNode": "int32", "taskSchedulingPolicy": "TaskSchedulingPolicy", "resizeTimeout":
  "duration", "targetDedicatedNodes": "int32", "targetLowPriorityNodes": "int32", "enableAutoScale":
  "boolean", "autoScaleFormula": "string", "autoScaleEvaluationInterval": "duration",
  "enableInterNodeCommunication": "boolean", "networkConfiguration": "NetworkConfiguration", "startTask":
  "StartTask", "certificateReferences": ["CertificateReference"], "applicationPackageReferences":
  ["ApplicationPackageReference"], "applicationLicenses": ["string"], "userAccounts": ["UserAccount"],
  "metadata": ["MetadataItem"], "mountConfiguration": ["MountConfiguration"],
  "targetNodeCommunicationMode": "default|classic|simplified", "upgradePolicy": "UpgradePolicy",
  "resourceTags": "map"},
"PublicIPAddressConfiguration": {"provision": "batchmanaged|usermanaged|nopublicipaddresses",
  "ipAddressIds": ["string"]},
"ResourceFile": {"autoStorageContainerName": "string", "storageContainerUrl": "string", "httpUrl":
  "string", "blobPrefix": "string", "filePath": "string", "fileMode": "string", "identityReference":
  "ComputeNodeIdentityReference"},
"RollingUpgradePolicy": {"enableCrossZoneUpgrade": "boolean", "maxBatchInstancePercent": "int32",
  "maxUnhealthyInstancePercent": "int32", "maxUnhealthyUpgradedInstancePercent": "int32",
  "pauseTimeBetweenBatches": "duration", "prioritizeUnhealthyInstances": "boolean",
  "rollbackFailedInstancesOnPolicyBreach": "boolean"},
"SecurityProfile": {"securityType": "trustedLaunch", "encryptionAtHost": "boolean", "uefiSettings":
  "UefiSettings"},
"ServiceArtifactReference": {"id!": "string"},
"StartTask": {"commandLine!": "string", "containerSettings": "TaskContainerSettings", "resourceFiles":
  ["ResourceFile"], "environmentSettings": ["EnvironmentSetting"], "userIdentity": "UserIdentity",
  "maxTaskRetryCount": "int32", "waitForSuccess": "boolean"},
"TaskAddCollectionParameter": {"value!": ["TaskAddParameter"]},
"TaskAddParameter": {"id!": "string", "displayName": "string", "commandLine!": "string",
  "containerSettings": "TaskContainerSettings", "exitConditions": "ExitConditions", "resourceFiles":
  ["ResourceFile"], "outputFiles": ["OutputFile"], "environmentSettings": ["EnvironmentSetting"],
  "affinityInfo": "AffinityInformation", "constraints": "TaskConstraints", "requiredSlots": "int32",
  "userIdentity": "UserIdentity", "multiInstanceSettings": "MultiInstanceSettings", "dependsOn":
  "TaskDependencies", "applicationPackageReferences": ["ApplicationPackageReference"],
  "authenticationTokenSettings": "AuthenticationTokenSettings"},
"TaskConstraints": {"maxWallClockTime": "duration", "retentionTime": "duration", "maxTaskRetryCount":
  "int32"},
"TaskContainerSettings": {"containerRunOptions": "string", "imageName!": "string", "registry":
  "ContainerRegistry", "workingDirectory": "taskWorkingDirectory|containerImageDefault",
  "containerHostBatchBindMounts": ["ContainerHostBatchBindMountEntry"]},
"TaskDependencies": {"taskIds": ["string"], "taskIdRanges": ["TaskIdRange"]},
"TaskIdRange": {"start!": "int32", "end!": "int32"},
"TaskSchedulingPolicy": {"nodeFillType!": "spread|pack"},
"TaskUpdateParameter": {"constraints": "TaskConstraints"},
"UefiSettings": {"secureBootEnabled": "boolean", "vTpmEnabled": "boolean"},
"UpgradePolicy": {"mode!": "automatic|manual|rolling", "automaticOSUpgradePolicy":
  "AutomaticOSUpgradePolicy", "rollingUpgradePolicy": "RollingUpgradePolicy"},
"UserAccount": {"name!": "string", "password!": "string", "elevationLevel": "nonadmin|admin",
  "linuxUserConfiguration": "LinuxUserConfiguration", "windowsUserConfiguration":
  "WindowsUserConfiguration"},
"UserIdentity": {"username": "string", "autoUser": "AutoUserSpecification"},
"VMExtension": {"name!": "string", "publisher!": "string", "type!": "string", "typeHandlerVersion":
  "string", "autoUpgradeMinorVersion": "boolean", "enableAutomaticUpgrade": "boolean", "settings":
  "object", "protectedSettings": "object", "provisionAfterExtensions": ["string"]},
"VirtualMachineConfiguration": {"imageReference!": "ImageReference", "nodeAgentSKUId!": "string",
  "windowsConfiguration": "WindowsConfiguration", "dataDisks": ["DataDisk"], "licenseType": "string",
  "containerConfiguration": "ContainerConfiguration", "diskEncryptionConfiguration":
  "DiskEncryptionConfiguration", "nodePlacementConfiguration": "NodePlacementConfiguration", "extensions":
  ["VMExtension"], "osDisk": "OSDisk", "securityProfile": "SecurityProfile", "serviceArtifactReference":
  "ServiceArtifactReference"},
"WindowsConfiguration": {"enableAutomaticUpdates": "boolean"},
"WindowsUserConfiguration": {"loginMode": "batch|interactive"}
})json";

bool is_listed(const std::string& values, const std::string& value) {
  for (std::size_t at = 0; at <= values.size();) {
    const std::size_t end = std::min(values.find('|', at), values.size());
    if (values.compare(at, end - at, value) == 0) return true;
    at = end + 1;
  }
  return false;
}

void judge_object(const json& body, const json& keys, const std::string& path, Faults& faults);

void judge(const json& value, const json& kind, const std::string& path, Faults& faults) {
  const auto wrong = [&](const std::string& wanted) { faults.emplace_back(path, "is not " + wanted); };
  if (kind.is_array()) {
    if (!value.is_array()) return wrong("an array");
    for (std::size_t i = 0; i < value.size(); ++i)
      judge(value[i], kind[0], fmt::format("{}[{}]", path, i), faults);
    return;
  }
  const auto& name = kind.get_ref<const std::string&>();
  if (name == "object") {
    if (!value.is_object()) wrong("an object");
  } else if (name == "map") {
    if (!value.is_object()) return wrong("an object");
    for (const auto& [key, item] : value.items()) judge(item, "string", path + "." + key, faults);
  } else if (name == "string") {
    if (!value.is_string()) wrong("a string");
  } else if (name == "boolean") {
    if (!value.is_boolean()) wrong("a boolean");
  } else if (name == "int32" || name == "int64") {
    const std::int64_t most =
        name == "int32" ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int64_t>::max();
    const bool fits = value.is_number_unsigned()
                          ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most)
                          : value.is_number_integer() && value.get<std::int64_t>() >= -most - 1 &&
                                value.get<std::int64_t>() <= most;
    if (!fits) wrong(name == "int32" ? "an integer of 32 bits" : "an integer of 64 bits");
  } else if (name == "duration") {
    if (!value.is_string() || !parse_iso_duration(value.get_ref<const std::string&>()))
      wrong("a duration of ISO 8601, such as PT1H");
  } else if (const auto found = definitions_table().find(name); found != definitions_table().end()) {
    if (!value.is_object()) return wrong("an object");
    judge_object(value, *found, path, faults);
  } else if (!value.is_string() || !is_listed(name, value.get_ref<const std::string&>())) {
    wrong("one of " + name);
  }
}

void judge_object(const json& body, const json& keys, const std::string& path, Faults& faults) {
  for (const auto& [key, value] : body.items()) {
    auto kind = keys.find(key);
    if (kind == keys.end()) kind = keys.find(key + "!");
    if (kind == keys.end()) {
      faults.emplace_back(path + "." + key, "is not known here");
    } else {
      judge(value, *kind, path + "." + key, faults);
    }
  }
  for (const auto& [key, kind] : keys.items()) {
    if (!key.ends_with('!')) continue;
    const std::string plain = key.substr(0, key.size() - 1);
    if (!body.contains(plain)) faults.emplace_back(path + "." + plain, "is missing");
  }
}

}  // namespace

const json& definitions_table() {
  static const json table = json::parse(kTable);
  return table;
}

Faults faults_of_body(const json& body, const std::string& name) {
  Faults faults;
  judge(body, name, "$", faults);
  std::sort(faults.begin(), faults.end());
  return faults;
}

}  // namespace shipyard::local
