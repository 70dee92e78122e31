#include "batch/client/shipyard_config_keys.hpp"

#include <map>
#include <utility>

namespace shipyard::batch {
namespace {

constexpr const char* kNone = "no counterpart in a job file";
constexpr const char* kSecret = "no secret is written to a job file";
constexpr const char* kVault = "nothing is read from a key vault: set the variables by hand";
constexpr const char* kPool = "it belongs to the pool, which is not made anew";
constexpr const char* kData =
    "nothing moves data for a job or a pool: use common_files, or a start task that fetches it";
constexpr const char* kBlobxfer = "Batch itself moves the files, not blobxfer";
constexpr const char* kFilter = "Batch's own files from a container have no such filter";
constexpr const char* kSingularity = "Singularity is not supported";
constexpr const char* kEntra =
    "shipyard-submit is not given these: set AZURE_BATCH_ACCESS_KEY to the Batch account's access key";

using Words = std::pair<const char*, const char*>;

/// What a job and each of its tasks may say.
std::vector<Words> job_and_task() {
  return {{"id", kNone},
          {"environment_variables", kNone},
          {"environment_variables.*", kNone},
          {"environment_variables_keyvault_secret_id", kVault},
          {"max_task_retries", kNone},
          {"max_wall_time", kNone},
          {"retention_time", kNone},
          {"remove_container_after_exit", kNone},
          {"shm_size", kNone},
          {"infiniband", kNone},
          {"gpu", kNone},
          {"gpus", kNone},
          {"data_volumes", kNone},
          {"shared_data_volumes", kNone},
          {"default_working_dir",
           "set container.working_directory to the WORKDIR of the image, which is not known here"},
          {"exit_conditions", kNone},
          {"exit_conditions.default", kNone},
          {"exit_conditions.default.exit_options", kNone},
          {"exit_conditions.default.exit_options.job_action", kNone},
          {"exit_conditions.default.exit_options.dependency_action", kNone}};
}

std::vector<Words> job_only() {
  return {{"auto_complete", kNone},
          {"priority", kNone},
          {"user_identity", kNone},
          {"user_identity.default_pool_admin",
           "the container runs as root; container.options with --user says otherwise"},
          {"user_identity.specific_user", kNone},
          {"user_identity.specific_user.uid", kNone},
          {"user_identity.specific_user.gid", kNone},
          {"auto_pool", kNone},
          {"auto_pool.keep_alive", kNone},
          {"auto_pool.pool_lifetime", "the pool goes with the job: there are no job schedules"},
          {"recurrence", "there are no job schedules: submit the job from cron(8) or a pipeline"},
          {"allow_run_on_missing_image", "the image of a task is pulled in any case"},
          {"auto_scratch", "there is no scratch file system over the nodes: mount one of your own"},
          {"restrict_default_bind_mounts", "the container sees all of AZ_BATCH_NODE_ROOT_DIR"},
          {"force_enable_task_dependencies", kNone},
          {"federation_constraints", "there are no federations: name the pool"},
          {"input_data", kData},
          {"tasks", kNone},
          {"merge_task", kNone}};
}

std::vector<Words> task_only() {
  return {
      {"docker_image", kNone},
      {"image", kNone},
      {"singularity_image", kSingularity},
      {"singularity_execution", kSingularity},
      {"additional_singularity_options", kSingularity},
      {"task_factory", kNone},
      {"name", "the container has a name of its own"},
      {"labels", kNone},
      {"ports", "the container is on the host's network: all its ports are the node's"},
      {"entrypoint", "the image's entrypoint stays: it starts the sshd that the nodes reach each other by"},
      {"command", kNone},
      {"resource_files", kNone},
      {"resource_files[].blob_source", kNone},
      {"resource_files[].file_path", kNone},
      {"resource_files[].file_mode", kNone},
      {"input_data", kNone},
      {"input_data.azure_batch",
       "files of another task's node are not fetched: let that task write to a storage container"},
      {"input_data.azure_storage", kNone},
      {"output_data", kNone},
      {"output_data.azure_storage", kNone},
      {"additional_docker_run_options", kNone},
      {"depends_on", kNone},
      {"depends_on_range", kNone},
      {"multi_instance", kNone},
      {"multi_instance.num_instances", kNone},
      {"multi_instance.coordination_command", kNone},
      {"multi_instance.pre_execution_command", kNone},
      {"multi_instance.resource_files", kNone},
      {"multi_instance.resource_files[].blob_source", kNone},
      {"multi_instance.resource_files[].file_path", kNone},
      {"multi_instance.resource_files[].file_mode", kNone},
      {"multi_instance.mpi", kNone},
      {"multi_instance.mpi.runtime", kNone},
      {"multi_instance.mpi.options", kNone},
      {"multi_instance.mpi.executable_path", kNone},
      {"multi_instance.mpi.processes_per_node", kNone}};
}

std::vector<Words> data_of_task() {
  return {{"storage_account_settings", kNone},
          {"remote_path", kNone},
          {"local_path", kNone},
          {"is_file_share", kNone},
          {"include", kFilter},
          {"exclude", kFilter},
          {"blobxfer_extra_options", kBlobxfer}};
}

std::vector<Words> pool() {
  return {{"id", kNone},
          {"vm_configuration", kPool},
          {"vm_configuration.platform_image", kPool},
          {"vm_configuration.platform_image.publisher", kPool},
          {"vm_configuration.platform_image.offer", kPool},
          {"vm_configuration.platform_image.sku", kPool},
          {"vm_configuration.platform_image.version", kPool},
          {"vm_configuration.platform_image.native", kPool},
          {"vm_configuration.platform_image.license_type", "VMs with Windows are not supported"},
          {"vm_configuration.custom_image", kPool},
          {"vm_configuration.custom_image.arm_image_id", kPool},
          {"vm_configuration.custom_image.node_agent", kPool},
          {"vm_configuration.custom_image.native", kPool},
          {"vm_configuration.custom_image.license_type", "VMs with Windows are not supported"},
          {"vm_size", kPool},
          {"vm_count", kPool},
          {"vm_count.dedicated", kPool},
          {"vm_count.low_priority", kPool},
          {"max_tasks_per_node", "a multi-instance task has its nodes to itself"},
          {"resize_timeout", kPool},
          {"node_fill_type", "a multi-instance task has its nodes to itself"},
          {"autoscale", "a multi-instance task wants a pool of a fixed size; or set a formula on the pool"},
          {"inter_node_communication_enabled", "a multi-instance task needs it"},
          {"per_job_auto_scratch", "there is no scratch file system over the nodes: mount one of your own"},
          {"reboot_on_start_task_failed", "nothing reboots the nodes"},
          {"attempt_recovery_on_unusable", "nothing recovers nodes: Batch says which are unusable"},
          {"upload_diagnostics_logs_on_unusable", "nothing uploads logs of nodes"},
          {"block_until_all_global_resources_loaded", "a node takes tasks when its start task is over"},
          {"transfer_files_on_pool_creation", "no files of this machine are sent to a pool"},
          {"input_data", kData},
          {"resource_files", "they belong to the start task: let pool.start_task fetch them"},
          {"ssh", "no user is made on the nodes: `az batch node user create` does it"},
          {"rdp", "VMs with Windows are not supported"},
          {"remote_access_control", "rules for the nodes' ports: raw.pool with networkConfiguration"},
          {"virtual_network", kPool},
          {"virtual_network.arm_subnet_id", kPool},
          {"virtual_network.name", "the subnet is named by its resource id: pool.subnet"},
          {"virtual_network.resource_group", "the subnet is named by its resource id: pool.subnet"},
          {"virtual_network.create_nonexistant", "no network is made: `az network vnet create` does it"},
          {"virtual_network.address_space", "no network is made: `az network vnet create` does it"},
          {"virtual_network.subnet", "the subnet is named by its resource id: pool.subnet"},
          {"public_ips", "addresses for the nodes: raw.pool with networkConfiguration"},
          {"certificates", "certificates of Batch have been retired: use a managed identity"},
          {"gpu", "no driver is installed: use an image that has it (ubuntu-hpc)"},
          {"additional_node_prep", kPool},
          {"additional_node_prep.commands", kPool},
          {"additional_node_prep.commands.pre", kPool},
          {"additional_node_prep.commands.post", kPool},
          {"additional_node_prep.environment_variables", kPool},
          {"additional_node_prep.environment_variables.*", kPool},
          {"additional_node_prep.environment_variables_keyvault_secret_id", kVault},
          {"additional_node_prep_commands", kPool},
          {"additional_node_prep_commands.pre", kPool},
          {"additional_node_prep_commands.post", kPool},
          {"batch_insights_enabled", "nothing is installed to watch the nodes"},
          {"prometheus", "nothing is installed to watch the nodes"},
          {"container_runtimes", "Docker's own runtime starts the containers"}};
}

std::vector<Words> config() {
  return {
      {"batch_shipyard", "settings of Batch Shipyard itself"},
      {"batch_shipyard.storage_account_settings", "no storage account is needed to submit a job"},
      {"batch_shipyard.storage_entity_prefix", "no storage account is needed to submit a job"},
      {"batch_shipyard.generated_sas_expiry_days",
       "no signatures are made: use a managed identity, or your own"},
      {"batch_shipyard.autogenerated_task_id", "all tasks have ids"},
      {"batch_shipyard.autogenerated_task_id.prefix", kNone},
      {"batch_shipyard.autogenerated_task_id.zfill_width", kNone},
      {"batch_shipyard.encryption", "no secret is written anywhere, so none has to be encrypted"},
      {"batch_shipyard.fallback_registry", "no images of Batch Shipyard are needed"},
      {"batch_shipyard.delay_docker_image_preload", "of a native pool, Batch loads the images"},
      {"batch_shipyard.store_timing_metrics", "no times are stored"},
      {"batch_shipyard.use_shipyard_docker_image", "no images of Batch Shipyard are needed"},
      {"data_replication", "each node pulls its images from the registry"},
      {"global_resources", kNone},
      {"global_resources.additional_registries", "a registry without a login needs no word"},
      {"global_resources.additional_registries.docker", "a registry without a login needs no word"},
      {"global_resources.additional_registries.singularity", kSingularity},
      {"global_resources.docker_images",
       "the pool has them already; the image of a task is pulled in any case"},
      {"global_resources.singularity_images", kSingularity},
      {"global_resources.volumes", "no job mounts it"},
      {"global_resources.volumes.data_volumes", "no job mounts it"},
      {"global_resources.volumes.data_volumes.*", "no job mounts it"},
      {"global_resources.volumes.data_volumes.*.container_path", kNone},
      {"global_resources.volumes.data_volumes.*.host_path", kNone},
      {"global_resources.volumes.data_volumes.*.bind_options", kNone},
      {"global_resources.volumes.shared_data_volumes", "no job mounts it"},
      {"global_resources.volumes.shared_data_volumes.*", "no job mounts it"},
      {"global_resources.volumes.shared_data_volumes.*.volume_driver", kNone},
      {"global_resources.volumes.shared_data_volumes.*.container_path", kNone},
      {"global_resources.volumes.shared_data_volumes.*.storage_account_settings", kPool},
      {"global_resources.volumes.shared_data_volumes.*.azure_file_share_name", kPool},
      {"global_resources.volumes.shared_data_volumes.*.azure_blob_container_name", kPool},
      {"global_resources.volumes.shared_data_volumes.*.mount_options", kPool},
      {"global_resources.volumes.shared_data_volumes.*.volume_type", kPool},
      {"global_resources.volumes.shared_data_volumes.*.volume_options", kPool},
      {"global_resources.volumes.shared_data_volumes.*.fstab_entry", kPool},
      {"global_resources.volumes.shared_data_volumes.*.fstab_entry.fs_spec", kPool},
      {"global_resources.volumes.shared_data_volumes.*.fstab_entry.fs_vfstype", kPool},
      {"global_resources.volumes.shared_data_volumes.*.fstab_entry.fs_mntops", kPool},
      {"global_resources.volumes.shared_data_volumes.*.fstab_entry.fs_freq", "Batch mounts it, not fstab"},
      {"global_resources.volumes.shared_data_volumes.*.fstab_entry.fs_passno", "Batch mounts it, not fstab"},
      {"global_resources.volumes.shared_data_volumes.*.bind_options", kNone},
      {"global_resources.files", "no files of this machine are sent: put them into a storage container"}};
}

std::vector<Words> credentials() {
  return {{"aad", kEntra},
          {"batch", kNone},
          {"batch.aad", kEntra},
          {"batch.account_service_url", kNone},
          {"batch.account_key", kNone},
          {"batch.account_key_keyvault_secret_id",
           "nothing is read from a key vault: set AZURE_BATCH_ACCESS_KEY by hand"},
          {"batch.test_cluster", kNone},
          {"batch.resource_group", "the subnet is named by its resource id: pool.subnet"},
          {"batch.application_insights", "nothing is installed to watch the nodes"},
          {"storage", "no converted job reads it"},
          {"storage.aad", kEntra},
          {"storage.*", "no converted job reads it"},
          {"storage.*.account", kNone},
          {"storage.*.account_key", kSecret},
          {"storage.*.account_key_keyvault_secret_id", kVault},
          {"storage.*.endpoint", kNone},
          {"storage.*.resource_group", kNone},
          {"docker_registry", "the login belongs to the pool, which is not made anew"},
          {"docker_registry.*", "the login belongs to the pool, which is not made anew"},
          {"docker_registry.*.username", kNone},
          {"docker_registry.*.password", kSecret},
          {"docker_registry.*.password_keyvault_secret_id", kVault},
          {"singularity_registry", kSingularity},
          {"management", "no resource manager is spoken to"},
          {"management.aad", kEntra},
          {"management.subscription_id", kNone},
          {"keyvault", "nothing is read from a key vault: give the variables by hand"},
          {"monitoring", "nothing is installed to watch the nodes"},
          {"slurm", "there are no Slurm clusters"}};
}

const std::map<std::string, std::string>& all_keys() {
  static const auto keys = [] {
    std::map<std::string, std::string> map{
        {"job_specifications", kNone}, {"pool_specification", kNone}, {"credentials", kNone}};
    const auto add = [&](const std::string& prefix, const std::vector<Words>& words) {
      for (const auto& [key, reason] : words) map.emplace(prefix + key, reason);
    };
    const std::string job = "job_specifications[].";
    add(job, job_and_task());
    add(job, job_only());
    for (const char* task : {"tasks[].", "merge_task."}) {
      add(job + task, job_and_task());
      add(job + task, task_only());
      add(job + task + "input_data.azure_storage[].", data_of_task());
      add(job + task + "output_data.azure_storage[].", data_of_task());
    }
    add("pool_specification.", pool());
    add("", config());
    add("credentials.", credentials());
    return map;
  }();
  return keys;
}

std::string below(const std::string& parent, std::string_view key) {
  return (parent.empty() ? "" : parent + ".") + std::string(key);
}

}  // namespace

std::optional<ShipyardKey> find_shipyard_key(const std::string& parent, std::string_view key) {
  for (const std::string& pattern : {below(parent, key), below(parent, "*")}) {
    if (const auto found = all_keys().find(pattern); found != all_keys().end())
      return ShipyardKey{found->first, found->second, found->second != kNone};
  }
  return std::nullopt;
}

std::vector<std::string> shipyard_keys_below(const std::string& parent) {
  std::vector<std::string> keys;
  const std::string prefix = below(parent, "");
  for (const auto& [pattern, reason] : all_keys()) {
    if (!pattern.starts_with(prefix)) continue;
    const std::string key = pattern.substr(prefix.size());
    if (key.find_first_of(".[*") == std::string::npos) keys.push_back(key);
  }
  return keys;
}

}  // namespace shipyard::batch
