#include "batch/local/service/views.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "batch/client/json_access.hpp"

namespace shipyard::local {

using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

// What the service takes and never gives back.
constexpr std::array<std::string_view, 6> kSecrets = {
    "password", "accountKey", "sasKey", "sshPrivateKey", "protectedSettings", "identityReferenceSecret"};

json without_passwords(const json& value) {
  if (value.is_object()) {
    json part = json::object();
    for (const auto& [key, item] : value.items()) {
      if (std::find(kSecrets.begin(), kSecrets.end(), key) == kSecrets.end())
        part[key] = without_passwords(item);
    }
    return part;
  }
  if (value.is_array()) {
    json list = json::array();
    for (const auto& item : value) list.push_back(without_passwords(item));
    return list;
  }
  return value;
}

json resource_view(const Resource& resource, const std::string& url) {
  json view = without_passwords(resource.body);
  view["id"] = resource.id;
  view["url"] = url;
  view["eTag"] = resource.etag;
  view["creationTime"] = batch_time(resource.created);
  view["lastModified"] = batch_time(resource.modified);
  view["state"] = resource.state;
  view["stateTransitionTime"] = batch_time(resource.state_since);
  return view;
}

void add_previous_state(const Resource& resource, json& view) {
  if (resource.previous_state.empty()) return;
  view["previousState"] = resource.previous_state;
  if (resource.previous_since) view["previousStateTransitionTime"] = batch_time(*resource.previous_since);
}

void add_time(json& view, const char* key, const std::optional<Time>& time) {
  if (time) view[key] = batch_time(*time);
}

/// exitCode, failureInfo and result of a command that has ended.
void add_end(json& view, const CommandEnd& end) {
  if (end.exit_code) view["exitCode"] = *end.exit_code;
  if (!is_good(end)) view["failureInfo"] = failure_info(end);
  view["result"] = is_good(end) ? "success" : "failure";
}

std::string node_url(const std::string& base, const std::string& pool, const std::string& node) {
  return base + "/pools/" + pool + "/nodes/" + node;
}

json node_info(const std::string& base, const std::string& pool, const std::string& node,
               const std::string& root) {
  const std::string url = node_url(base, pool, node);
  return {{"affinityId", "TVM:" + node},
          {"nodeUrl", url},
          {"poolId", pool},
          {"nodeId", node},
          {"taskRootDirectory", root},
          {"taskRootDirectoryUrl", url + "/files/" + root}};
}

json run_view(const JobResource& job, const NodeRun& run, const char* key, const char* default_id,
              const std::string& base) {
  const std::string root = task_directory(job.id, text_at(part_at(job.body, key), "id", default_id));
  json view = {{"state", run.ended ? "completed" : "running"},
               {"startTime", batch_time(run.started)},
               {"taskRootDirectory", root},
               {"taskRootDirectoryUrl", node_url(base, job.pool, run.node) + "/files/" + root}};
  add_time(view, "endTime", run.ended);
  if (run.ended) add_end(view, run.end);
  return view;
}

}  // namespace

std::string pool_path(const PoolResource& pool) { return "/pools/" + pool.id; }
std::string job_path(const JobResource& job) { return "/jobs/" + job.id; }
std::string task_path(const JobResource& job, const TaskResource& task) {
  return job_path(job) + "/tasks/" + task.id;
}

json pool_view(const PoolResource& pool, const std::string& base) {
  json view = resource_view(pool, base + pool_path(pool));
  view["allocationState"] = pool.allocation_state;
  view["allocationStateTransitionTime"] = batch_time(pool.allocation_since);
  const auto dedicated = std::count_if(pool.nodes.begin(), pool.nodes.end(),
                                       [](const NodeResource& node) { return node.dedicated; });
  view["currentDedicatedNodes"] = dedicated;
  view["currentLowPriorityNodes"] = static_cast<long>(pool.nodes.size()) - dedicated;
  if (!pool.resize_error.empty())
    view["resizeErrors"] = {{{"code", "AllocationFailed"}, {"message", pool.resize_error}}};
  return view;
}

json node_view(const PoolResource& pool, const NodeResource& node, int tasks, int slots,
               const std::string& base) {
  json view = {{"id", node.info.id},
               {"url", node_url(base, pool.id, node.info.id)},
               {"state", node.leaving ? "leavingpool"
                         : tasks > 0  ? "running"
                                      : "idle"},
               {"schedulingState", node.enabled ? "enabled" : "disabled"},
               {"stateTransitionTime", batch_time(node.state_since)},
               {"lastBootTime", batch_time(node.made)},
               {"allocationTime", batch_time(node.made)},
               {"ipAddress", node.info.address},
               {"affinityId", "TVM:" + node.info.id},
               {"totalTasksRun", node.tasks_run},
               {"totalTasksSucceeded", node.tasks_succeeded},
               {"runningTasksCount", tasks},
               {"runningTaskSlotsCount", slots},
               {"isDedicated", node.dedicated}};
  if (pool.body.contains("vmSize")) view["vmSize"] = pool.body["vmSize"];
  if (pool.body.contains("startTask")) {
    view["startTask"] = without_passwords(pool.body["startTask"]);
    // A node is told of when its start task has ended.
    view["startTaskInfo"] = {{"state", "completed"},
                             {"startTime", batch_time(node.made)},
                             {"endTime", batch_time(node.made)},
                             {"retryCount", 0}};
    add_end(view["startTaskInfo"], {node.info.start_status, "", ""});
  }
  return view;
}

json job_view(const JobResource& job, const std::string& base) {
  json view = resource_view(job, base + job_path(job));
  add_previous_state(job, view);
  json execution = {{"startTime", batch_time(job.created)}, {"poolId", job.pool}};
  add_time(execution, "endTime", job.ended);
  if (!job.terminate_reason.empty()) execution["terminateReason"] = job.terminate_reason;
  view["executionInfo"] = std::move(execution);
  return view;
}

json task_view(const JobResource& job, const TaskResource& task, const std::string& base) {
  json view = resource_view(task, base + task_path(job, task));
  add_previous_state(task, view);
  json execution = {{"retryCount", task.retries}, {"requeueCount", task.requeues}};
  add_time(execution, "startTime", task.started);
  add_time(execution, "endTime", task.ended);
  add_time(execution, "lastRetryTime", task.last_retry);
  add_time(execution, "lastRequeueTime", task.last_requeue);
  if (task.end) add_end(execution, *task.end);
  view["executionInfo"] = std::move(execution);
  if (!task.nodes.empty())
    view["nodeInfo"] = node_info(base, task.pool, task.nodes[0], task_directory(job.id, task.id));
  return view;
}

std::vector<json> subtask_views(const JobResource& job, const TaskResource& task, const std::string& base) {
  std::vector<json> views;
  for (std::size_t i = 1; task.is_multi_instance() && i < task.nodes.size(); ++i) {
    const int number = static_cast<int>(i);
    const auto found = task.subtasks.find(number);
    const Subtask* known = found == task.subtasks.end() ? nullptr : &found->second;
    json view = {
        {"id", number},
        {"nodeInfo", node_info(base, task.pool, task.nodes[i], task_directory(job.id, task.id, number))}};
    if (known != nullptr) view["startTime"] = batch_time(known->started);
    if (known != nullptr && known->ended) {
      view["state"] = "completed";
      view["stateTransitionTime"] = batch_time(*known->ended);
      view["previousState"] = "running";
      view["previousStateTransitionTime"] = batch_time(known->started);
      view["endTime"] = batch_time(*known->ended);
      add_end(view, known->end);
    } else if (task.is_completed()) {
      // It did not end by itself, or never began.
      view["state"] = "completed";
      view["stateTransitionTime"] = batch_time(task.state_since);
      view["previousState"] = known != nullptr ? "running" : "preparing";
      add_time(view, "endTime", task.ended);
      add_end(view, {std::nullopt, "TaskEnded", "The task has ended before this part of it."});
    } else {
      view["state"] = known != nullptr ? "running" : "preparing";
      view["stateTransitionTime"] = batch_time(known != nullptr ? known->started : task.state_since);
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<json> preparation_views(const JobResource& job, const std::string& base) {
  std::vector<json> views;
  for (const auto& run : job.preparations) {
    json view = {{"poolId", job.pool}, {"nodeId", run.node}, {"nodeUrl", node_url(base, job.pool, run.node)}};
    view["jobPreparationTaskExecutionInfo"] = run_view(job, run, "jobPreparationTask", kPreparationId, base);
    view["jobPreparationTaskExecutionInfo"]["retryCount"] = 0;
    for (const auto& release : job.releases) {
      if (release.node == run.node)
        view["jobReleaseTaskExecutionInfo"] = run_view(job, release, "jobReleaseTask", kReleaseId, base);
    }
    views.push_back(std::move(view));
  }
  return views;
}

json task_counts(const JobResource& job) {
  json counts = {{"active", 0}, {"running", 0}, {"completed", 0}, {"succeeded", 0}, {"failed", 0}};
  json slots = counts;
  const auto count = [&](const char* name, const TaskResource& task) {
    counts[name] = counts[name].get<int>() + 1;
    slots[name] = slots[name].get<int>() + task.required_slots();
  };
  for (const auto& task : job.tasks) {
    count(task.is_on_nodes() ? "running" : task.is_completed() ? "completed" : "active", task);
    if (task.is_completed()) count(task.has_succeeded() ? "succeeded" : "failed", task);
  }
  return {{"taskCounts", counts}, {"taskSlotCounts", slots}};
}

}  // namespace shipyard::local
