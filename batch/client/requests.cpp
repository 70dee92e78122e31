#include "batch/client/requests.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/commands.hpp"
#include "batch/client/json_access.hpp"
#include "batch/client/redact.hpp"
#include "batch/client/schema.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// What an auto pool may take to get its nodes, and a task to be scheduled, before its job counts as
/// forgotten.
constexpr long long kAllocationSeconds = 2 * 3600;
/// What Batch itself says of a job without a limit: the longest time of .NET.
constexpr const char* kNoTimeLimit = "P10675199DT2H48M5.4775807S";
/// A registry may be busy when all nodes start at once.
constexpr int kPullRetries = 2;

void set(json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

json identity_reference(const std::string& resource_id) { return {{"resourceId", resource_id}}; }

json resource_files(const std::vector<ResourceFile>& files) {
  json list = json::array();
  for (const auto& file : files) {
    json item = json::object();
    set(item, "httpUrl", file.url);
    set(item, "storageContainerUrl", file.container);
    set(item, "autoStorageContainerName", file.auto_storage);
    set(item, "blobPrefix", file.prefix);
    set(item, "filePath", file.path);
    set(item, "fileMode", file.mode);
    if (!file.identity.empty()) item["identityReference"] = identity_reference(file.identity);
    list.push_back(std::move(item));
  }
  return list;
}

json output_files(const std::vector<OutputFile>& files) {
  json list = json::array();
  for (const auto& file : files) {
    json container = {{"containerUrl", file.container}};
    set(container, "path", file.path);
    if (!file.identity.empty()) container["identityReference"] = identity_reference(file.identity);
    list.push_back({{"filePattern", file.pattern},
                    {"destination", {{"container", std::move(container)}}},
                    {"uploadOptions", {{"uploadCondition", "task" + file.when}}}});
  }
  return list;
}

json environment_settings(const std::vector<std::pair<std::string, std::string>>& variables) {
  json list = json::array();
  for (const auto& [name, value] : variables) list.push_back({{"name", name}, {"value", value}});
  return list;
}

json user_identity(const UserWish& user) {
  if (!user.name.empty()) return {{"username", user.name}};
  return {{"autoUser", {{"scope", user.scope}, {"elevationLevel", user.admin ? "admin" : "nonadmin"}}}};
}

json root_on_the_node() { return user_identity(UserWish{}); }

/// The images of all tasks and those that the pool names, each once, in order.
std::vector<std::string> images_of(const JobFile& job) {
  std::vector<std::string> images;
  const auto add = [&](const std::string& image) {
    if (std::find(images.begin(), images.end(), image) == images.end()) images.push_back(image);
  };
  for (const auto& task : job.tasks) add(task.image);
  for (const auto& image : job.pool.images) add(image);
  return images;
}

json image_reference(const std::string& image) {
  if (image[0] == '/') return {{"virtualMachineImageId", image}};
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= image.size();) {
    parts.push_back(image.substr(at, image.find(':', at) - at));
    at += parts.back().size() + 1;
  }
  parts.resize(4);
  return {{"publisher", parts[0]},
          {"offer", parts[1]},
          {"sku", parts[2]},
          {"version", parts[3].empty() ? "latest" : parts[3]}};
}

json registry_body(const Registry& registry) {
  return {{"registryServer", registry.server},
          {"username", registry.user},
          {"password", registry.password.reveal()}};
}

json mount_body(const PoolMount& mount) {
  if (mount.kind == "nfs") {
    json body = {{"source", mount.source}, {"relativeMountPath", mount.path}};
    set(body, "mountOptions", mount.options);
    return {{"nfsMountConfiguration", std::move(body)}};
  }
  if (mount.kind == "cifs") {
    json body = {{"username", mount.account},
                 {"source", mount.source},
                 {"relativeMountPath", mount.path},
                 {"password", mount.key.reveal()}};
    set(body, "mountOptions", mount.options);
    return {{"cifsMountConfiguration", std::move(body)}};
  }
  if (mount.kind == "azure-files") {
    json body = {{"accountName", mount.account},
                 {"azureFileUrl", mount.source},
                 {"accountKey", mount.key.reveal()},
                 {"relativeMountPath", mount.path}};
    set(body, "mountOptions", mount.options);
    return {{"azureFileShareConfiguration", std::move(body)}};
  }
  json body = {
      {"accountName", mount.account}, {"containerName", mount.source}, {"relativeMountPath", mount.path}};
  set(body, "blobfuseOptions", mount.options);
  body["accountKey"] = mount.key.reveal();
  return {{"azureBlobFileSystemConfiguration", std::move(body)}};
}

/// What a pool and the specification of an auto pool have in common.
json pool_specification(const JobFile& job) {
  const PoolWish& pool = job.pool;
  int most = 1;
  for (const auto& task : job.tasks) most = std::max(most, task.nodes);
  json machine = {{"imageReference", image_reference(pool.vm_image)}, {"nodeAgentSKUId", pool.node_agent}};
  const auto images = images_of(job);
  if (pool.native) {
    json containers = {{"type", "dockerCompatible"}, {"containerImageNames", images}};
    for (const auto& registry : pool.registries)
      containers["containerRegistries"].push_back(registry_body(registry));
    machine["containerConfiguration"] = std::move(containers);
  }
  json body = {{"vmSize", pool.vm_size},
               {"virtualMachineConfiguration", std::move(machine)},
               {"targetDedicatedNodes", pool.dedicated.value_or(pool.spot > 0 ? 0 : most)},
               {"targetLowPriorityNodes", pool.spot},
               // Without these two a multi-instance task stays active for ever.
               {"enableInterNodeCommunication", true},
               {"taskSlotsPerNode", 1}};
  set(body, "resizeTimeout", pool.resize_timeout);
  if (!pool.subnet.empty()) body["networkConfiguration"] = {{"subnetId", pool.subnet}};
  for (const auto& mount : pool.mounts) body["mountConfiguration"].push_back(mount_body(mount));
  if (!pool.native || !pool.start_task.empty()) {
    PoolWish wish = pool;
    if (pool.native) wish.registries.clear();  // Batch logs in itself
    json start = {{"commandLine",
                   bash_command_line(start_script(wish, pool.native ? std::vector<std::string>() : images))},
                  {"userIdentity", root_on_the_node()},
                  {"waitForSuccess", true},
                  {"maxTaskRetryCount", kPullRetries}};
    std::vector<std::pair<std::string, std::string>> secrets;
    for (std::size_t i = 0; i < wish.registries.size(); ++i)
      secrets.emplace_back(registry_variable(i), wish.registries[i].password.reveal());
    if (!secrets.empty()) start["environmentSettings"] = environment_settings(secrets);
    body["startTask"] = std::move(start);
  }
  body.merge_patch(job.raw_pool);
  return body;
}

json task_body(const JobFile& job, const TaskWish& task, const SubmissionFacts& facts) {
  const std::string vm_size = job.pool.is_new() ? job.pool.vm_size : facts.vm_size;
  const bool native = job.pool.native;
  json instances = {{"numberOfInstances", task.nodes}};
  json body = {{"id", task.id}};
  if (native) {
    body["commandLine"] = sh_command_line(task.command);
    body["containerSettings"] = {{"imageName", task.image},
                                 {"containerRunOptions", native_run_options(task, vm_size)},
                                 {"workingDirectory", "taskWorkingDirectory"}};
    // sshd in the background, then this, which waits for it.
    instances["coordinationCommandLine"] = task.coordination.empty()
                                               ? "shipyard-entrypoint shipyard-entrypoint --ready 60"
                                               : sh_command_line(task.coordination);
  } else {
    body["commandLine"] = bash_command_line(application_script(task));
    instances["coordinationCommandLine"] = bash_command_line(coordination_script(task));
  }
  if (!task.common_files.empty()) instances["commonResourceFiles"] = resource_files(task.common_files);
  body["multiInstanceSettings"] = std::move(instances);
  if (!task.resource_files.empty()) body["resourceFiles"] = resource_files(task.resource_files);
  if (!task.output_files.empty()) body["outputFiles"] = output_files(task.output_files);

  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, value] : task.environment) {
    // On a native pool the task's environment is the container's alone.
    if (native || !belongs_to_the_vm(name)) variables.emplace_back(name, value);
  }
  if (!vm_size.empty() && !task.environment.contains("SHIPYARD_VM_SIZE"))
    variables.emplace_back("SHIPYARD_VM_SIZE", vm_size);
  variables.emplace_back(kKeyVariable, facts.key.reveal());
  body["environmentSettings"] = environment_settings(variables);
  json constraints = {{"maxTaskRetryCount", task.limits.retries}};
  set(constraints, "maxWallClockTime", task.limits.time);
  set(constraints, "retentionTime", task.limits.retention);
  body["constraints"] = std::move(constraints);
  body["userIdentity"] = user_identity(task.user);
  body.merge_patch(task.raw);
  return body;
}

std::string sha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest.at(i));
  return hex;
}

/// Over what is asked for: neither ids that were made up nor secrets count.
std::string content_of(json job, const std::vector<std::pair<std::string, json>>& tasks) {
  job.erase("id");
  std::string text = json_text(without_secrets(job));
  for (const auto& [id, body] : tasks) text += "\n" + json_text(without_secrets(body));
  return sha256(without_signed_queries(text)).substr(0, 32);
}

/// When the job of an auto pool counts as forgotten; nothing where a task has no limit, or may be tried for
/// ever.
std::optional<long long> longest_time(const JobFile& job, int attempts) {
  long long sum = kAllocationSeconds;
  for (const auto& task : job.tasks) {
    const auto limit = parse_duration(task.limits.time);
    if (task.limits.time.empty() || !limit || task.limits.retries < 0) return std::nullopt;
    sum += *limit * attempts * (1 + task.limits.retries);
  }
  return sum;
}

int nodes_of(const PoolWish& pool, int most) {
  return pool.dedicated.value_or(pool.spot > 0 ? 0 : most) + pool.spot;
}

/// A task that wants more nodes than its pool will ever have would wait for ever, and the pool would cost.
Status check_nodes(const JobFile& job) {
  for (const auto& task : job.tasks) {
    const int there = nodes_of(job.pool, task.nodes);
    if (there < task.nodes)
      return input_error(
          fmt::format("task '{}' wants {} nodes, and the pool is to have {}", task.id, task.nodes, there),
          "pool.dedicated, or pool.spot: as many; without both the pool is made as large as needed");
  }
  return Ok{};
}

Error no_end_of_pool(const JobFile& job, const char* because) {
  const bool endless = std::any_of(job.tasks.begin(), job.tasks.end(),
                                   [](const auto& task) { return task.limits.retries < 0; });
  return input_error(
      fmt::format("{} with a pool of the job's own, and {}", because,
                  endless ? "limits.retries -1" : "no limits.time"),
      fmt::format(
          "such a job stays open: without a limit the pool would stay, and cost, if nobody ends it; set {}",
          endless ? "limits.retries" : "limits.time"));
}

}  // namespace

Result<Submission> plan_submission(const JobFile& job, const SubmissionFacts& facts) {
  Submission submission;
  submission.job_id = facts.job_id;
  for (const auto& task : job.tasks) {
    if (task.command.empty())
      return input_error(fmt::format("task '{}' has no command", task.id), "`command:` in the job file");
    submission.tasks.emplace_back(task.id, task_body(job, task, facts));
  }
  json body = {{"id", facts.job_id}, {"onAllTasksComplete", "noaction"}};
  submission.completion = {{"onAllTasksComplete", "terminatejob"}};
  if (!job.pool.is_new()) {
    body["poolInfo"] = {{"poolId", job.pool.id}};
  } else {
    if (auto enough = check_nodes(job); !enough) return enough.error();
    body["poolInfo"]["autoPoolSpecification"] = {{"autoPoolIdPrefix", "shipyard"},
                                                 {"poolLifetimeOption", "job"},
                                                 {"keepAlive", false},
                                                 {"pool", pool_specification(job)}};
    const auto longest = longest_time(job, 1 + facts.infrastructure_retries);
    const bool own_limit = part_at(job.raw_job, "constraints").contains("maxWallClockTime");
    if (!longest && !own_limit && (facts.infrastructure_retries > 0 || !job.auto_complete))
      return no_end_of_pool(
          job, facts.infrastructure_retries > 0 ? "--retry-infrastructure" : "auto_complete: false");
    // Who dies before the last request must not leave a pool for ever.
    body["constraints"] = {{"maxWallClockTime", iso_duration(longest.value_or(kAllocationSeconds))}};
    if (!longest && !job.raw_job.contains("constraints"))
      submission.completion["constraints"] = {{"maxWallClockTime", kNoTimeLimit}};
  }
  if (!job.pool.native) {
    // The last task's container is there at the end; whose it is depends on how they were scheduled.
    const bool keep =
        std::any_of(job.tasks.begin(), job.tasks.end(), [](const auto& task) { return task.container.keep; });
    // The nodes of a new pool have logged in when they started.
    const auto registries = job.pool.is_new() ? std::vector<Registry>() : job.pool.registries;
    body["jobPreparationTask"] = {{"commandLine", bash_command_line(pull_script(registries, images_of(job)))},
                                  {"userIdentity", root_on_the_node()},
                                  {"constraints", {{"maxTaskRetryCount", kPullRetries}}},
                                  {"waitForSuccess", true}};
    if (!keep) {
      body["jobReleaseTask"] = {{"commandLine", bash_command_line(release_script())},
                                {"userIdentity", root_on_the_node()}};
    }
  }
  body.merge_patch(job.raw_job);
  if (body.contains("metadata") && !body["metadata"].is_array())
    return input_error("raw.job.metadata: a list is wanted", "example: metadata: [{name: owner, value: me}]");
  submission.content = content_of(body, submission.tasks);
  body["metadata"].push_back({{"name", kContentName}, {"value", submission.content}});
  submission.job = std::move(body);
  return submission;
}

Result<json> pool_body(const JobFile& job) {
  if (!job.pool.is_new()) return input_error("pool.vm_size is missing", "which VMs the pool is to have");
  if (job.pool.id.empty()) return input_error("pool.id is missing", "what the pool is to be called");
  json body = pool_specification(job);
  body["id"] = job.pool.id;
  return body;
}

Submission plan_cleanup(const std::string& job_id, const std::string& pool, int nodes) {
  Submission submission;
  submission.job_id = job_id;
  json task = {
      {"id", "cleanup"},
      {"commandLine", "/bin/true"},
      {"multiInstanceSettings",
       {{"numberOfInstances", nodes}, {"coordinationCommandLine", bash_command_line(remove_script())}}},
      {"constraints", {{"maxWallClockTime", "PT15M"}, {"maxTaskRetryCount", 0}}},
      {"userIdentity", root_on_the_node()}};
  submission.tasks.emplace_back("cleanup", std::move(task));
  submission.job = {{"id", job_id}, {"onAllTasksComplete", "noaction"}, {"poolInfo", {{"poolId", pool}}}};
  submission.completion = {{"onAllTasksComplete", "terminatejob"}};
  submission.content = content_of(submission.job, submission.tasks);
  submission.job["metadata"] = {{{"name", kContentName}, {"value", submission.content}}};
  return submission;
}

std::string make_job_id(const std::string& file_name, const std::string& date_and_time,
                        const std::string& word) {
  std::string stem = file_name.substr(file_name.rfind('/') + 1);
  stem = stem.substr(0, stem.rfind('.'));
  std::string id;
  for (const char c : stem) {
    id += is_alphanumeric(c) || c == '_' ? c : '-';
  }
  id = id.substr(0, 64 - 2 - date_and_time.size() - word.size());
  if (id.empty()) id = "job";
  return fmt::format("{}-{}-{}", id, date_and_time, word);
}

}  // namespace shipyard::batch
