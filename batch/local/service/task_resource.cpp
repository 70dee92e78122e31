#include "batch/local/service/task_resource.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "batch/client/json_access.hpp"

namespace shipyard::local {

using batch::number_at;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

// Faults that are nobody's but this service's; all others come from what the user has asked for.
constexpr std::array<std::string_view, 3> kServerFaults = {"InternalError", "NodeLost", "ServiceRestarted"};

}  // namespace

json failure_info(const CommandEnd& end) {
  if (!end.fault.empty()) {
    const bool ours = std::find(kServerFaults.begin(), kServerFaults.end(), end.fault) != kServerFaults.end();
    json info = {{"category", ours ? "servererror" : "usererror"}, {"code", end.fault}};
    if (!end.message.empty()) info["message"] = end.message;
    return info;
  }
  std::string message = "The task's program exited with a status that says failure.";
  if (!end.message.empty()) message += " Its last words: " + end.message;
  return {{"category", "usererror"},
          {"code", "FailureExitCode"},
          {"message", message},
          {"details", {{{"name", "Exit code"}, {"value", std::to_string(end.exit_code.value_or(-1))}}}}};
}

int TaskResource::instances() const {
  return is_multi_instance()
             ? std::max(1, number_at(part_at(body, "multiInstanceSettings"), "numberOfInstances", 1))
             : 1;
}

int TaskResource::required_slots() const { return std::max(1, number_at(body, "requiredSlots", 1)); }

bool TaskResource::has_retries_left() const {
  const int allowed = number_at(part_at(body, "constraints"), "maxTaskRetryCount");
  return allowed == -1 || retries < allowed;
}

std::optional<std::chrono::milliseconds> TaskResource::wall_clock_limit() const {
  return parse_iso_duration(text_at(part_at(body, "constraints"), "maxWallClockTime"));
}

void TaskResource::place(const std::string& on_pool, std::vector<std::string> on_nodes, Time now) {
  ++attempt;
  pool = on_pool;
  nodes = std::move(on_nodes);
  subtasks.clear();
  enter("preparing", now);
}

void TaskResource::run(Time now) {
  if (state != "preparing") return;
  started = now;
  enter("running", now);
}

void TaskResource::complete(CommandEnd how, Time now) {
  end = std::move(how);
  ended = now;
  if (!started) started = now;
  enter("completed", now);
}

void TaskResource::back_to_active(Time now) {
  end.reset();
  started.reset();
  ended.reset();
  nodes.clear();
  subtasks.clear();
  enter("active", now);
}

void TaskResource::retry(Time now) {
  ++retries;
  last_retry = now;
  back_to_active(now);
}

void TaskResource::requeue(Time now) {
  ++requeues;
  last_requeue = now;
  back_to_active(now);
}

void TaskResource::reactivate(Time now) {
  retries = 0;
  last_retry.reset();
  back_to_active(now);
}

json TaskResource::exit_options() const {
  const json conditions = part_at(body, "exitConditions");
  json chosen = part_at(conditions, "default");
  if (!end) return chosen;
  if (!end->exit_code) {
    if (conditions.contains("preProcessingError")) chosen = conditions["preProcessingError"];
    return chosen;
  }
  for (const auto& item : part_at(conditions, "exitCodeRanges")) {
    if (number_at(item, "start") <= *end->exit_code && *end->exit_code <= number_at(item, "end"))
      chosen = part_at(item, "exitOptions");
  }
  for (const auto& item : part_at(conditions, "exitCodes")) {
    if (number_at(item, "code") == *end->exit_code) chosen = part_at(item, "exitOptions");
  }
  return chosen;
}

std::string TaskResource::job_action() const { return text_at(exit_options(), "jobAction", "terminate"); }

bool TaskResource::satisfies_dependents() const {
  return has_succeeded() ||
         (is_completed() && text_at(exit_options(), "dependencyAction", "block") == "satisfy");
}

TaskResource new_task(const json& body, int retries_of_job, Time now) {
  TaskResource task;
  task.id = text_at(body, "id");
  task.body = body;
  json constraints = {{"retentionTime", "P7D"}, {"maxTaskRetryCount", retries_of_job}};
  constraints.update(part_at(body, "constraints"));
  task.body["constraints"] = std::move(constraints);
  task.created = task.modified = task.state_since = now;
  return task;
}

json to_json(const CommandEnd& end) {
  json document = {{"fault", end.fault}, {"message", end.message}};
  if (end.exit_code) document["exitCode"] = *end.exit_code;
  return document;
}

CommandEnd read_command_end(const json& document) {
  CommandEnd end;
  if (document.contains("exitCode")) end.exit_code = number_at(document, "exitCode");
  end.fault = text_at(document, "fault");
  end.message = text_at(document, "message");
  return end;
}

json to_json(const TaskResource& task) {
  json document = to_json(static_cast<const Resource&>(task));
  document["attempt"] = task.attempt;
  document["pool"] = task.pool;
  document["nodes"] = task.nodes;
  document["subtasks"] = json::array();
  for (const auto& [number, subtask] : task.subtasks)
    document["subtasks"].push_back({{"id", number},
                                    {"started", batch_time(subtask.started)},
                                    {"ended", time_or_empty(subtask.ended)},
                                    {"end", to_json(subtask.end)}});
  document["started"] = time_or_empty(task.started);
  document["ended"] = time_or_empty(task.ended);
  document["lastRetry"] = time_or_empty(task.last_retry);
  document["lastRequeue"] = time_or_empty(task.last_requeue);
  document["retries"] = task.retries;
  document["requeues"] = task.requeues;
  if (task.end) document["end"] = to_json(*task.end);
  return document;
}

void read(const json& document, TaskResource& task) {
  read(document, static_cast<Resource&>(task));
  task.attempt = number_at(document, "attempt", -1);
  task.pool = text_at(document, "pool");
  task.nodes = batch::texts_at(document, "nodes");
  for (const auto& item : part_at(document, "subtasks")) {
    task.subtasks[number_at(item, "id")] = {time_at(item, "started").value_or(task.created),
                                            time_at(item, "ended"), read_command_end(part_at(item, "end"))};
  }
  task.started = time_at(document, "started");
  task.ended = time_at(document, "ended");
  task.last_retry = time_at(document, "lastRetry");
  task.last_requeue = time_at(document, "lastRequeue");
  task.retries = number_at(document, "retries");
  task.requeues = number_at(document, "requeues");
  if (document.contains("end")) task.end = read_command_end(document["end"]);
}

}  // namespace shipyard::local
