#include "batch/client/task_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "batch/client/document.hpp"
#include "batch/client/redact.hpp"

namespace shipyard::batch {

using nlohmann::json;

std::string TaskView::attempt() const { return fmt::format("{}/{}/{}/{}", retries, requeues, node, start); }

std::optional<Failure> view_failure(const json& object, const char* key) {
  const json info = part_at(object, key);
  if (!info.is_object() || info.empty()) return std::nullopt;
  Failure failure{text_at(info, "category"), text_at(info, "code"), text_at(info, "message"), {}};
  for (const char* name : {"details", "values"}) {
    for (const auto& item : part_at(info, name)) {
      if (item.is_object())
        failure.details.push_back(fmt::format("{}: {}", text_at(item, "name"), text_at(item, "value")));
    }
  }
  return failure;
}

std::string describe(const Failure& failure) {
  std::string text = failure.code.empty() ? failure.category : failure.code;
  if (!failure.message.empty()) text += ": " + failure.message;
  if (!failure.details.empty()) text += fmt::format(" ({})", fmt::join(failure.details, "; "));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return without_signatures(text);
}

TaskView view_task(const json& task) {
  TaskView view;
  view.id = text_at(task, "id");
  if (view.id.empty() && task.is_object() && task.contains("id")) view.id = json_text(task["id"]);
  view.state = text_at(task, "state");
  view.etag = text_at(task, "eTag");
  // A subtask has at the top what a task has in its executionInfo.
  const json execution = task.is_object() && task.contains("executionInfo") ? task["executionInfo"] : task;
  view.start = text_at(execution, "startTime");
  view.end = text_at(execution, "endTime");
  if (execution.is_object() && execution.contains("exitCode") && execution["exitCode"].is_number_integer())
    view.exit_code = execution["exitCode"].get<int>();
  view.failure = view_failure(execution);
  view.retries = number_at(execution, "retryCount");
  view.requeues = number_at(execution, "requeueCount");
  const json node = part_at(task, "nodeInfo");
  view.pool = text_at(node, "poolId");
  view.node = text_at(node, "nodeId");
  view.directory = text_at(node, "taskRootDirectory");
  view.instances = number_at(part_at(task, "multiInstanceSettings"), "numberOfInstances", 1);
  return view;
}

bool starts_containers(const json& pool) {
  return part_at(pool, "virtualMachineConfiguration").contains("containerConfiguration");
}

std::vector<std::string> faults_of_pool(const json& pool) {
  std::vector<std::string> faults;
  if (!pool.is_object()) return faults;
  if (pool.value("enableInterNodeCommunication", json(false)) != json(true))
    faults.emplace_back(
        "the pool has no inter-node communication (enableInterNodeCommunication), so it runs no task of "
        "several nodes, ever");
  if (number_at(pool, "taskSlotsPerNode", 1) != 1)
    faults.emplace_back(
        "the pool has more than one task slot a node (taskSlotsPerNode), so it runs no task of several "
        "nodes, ever");
  return faults;
}

std::vector<std::string> reasons_for_waiting(const WaitingFacts& facts) {
  std::vector<std::string> reasons;
  if (const std::string state = text_at(facts.job, "state"); !state.empty() && state != "active")
    reasons.push_back(fmt::format("the job is {}", state));
  if (const auto failure = view_failure(part_at(facts.job, "executionInfo"), "schedulingError"))
    reasons.push_back(fmt::format("the job has no pool: {}", describe(*failure)));
  if (facts.pool_is_missing) reasons.emplace_back("there is no such pool");
  const json& pool = facts.pool;
  if (pool.is_object()) {
    for (auto& fault : faults_of_pool(pool)) reasons.push_back(std::move(fault));
    if (text_at(pool, "state") == "deleting") reasons.emplace_back("the pool is being deleted");
    for (const auto& error : part_at(pool, "resizeErrors")) {
      const Failure failure{"", text_at(error, "code"), text_at(error, "message"), {}};
      reasons.push_back(fmt::format("the pool could not get its nodes: {}", describe(failure)));
    }
    const int target = number_at(pool, "targetDedicatedNodes") + number_at(pool, "targetLowPriorityNodes");
    const int current = number_at(pool, "currentDedicatedNodes") + number_at(pool, "currentLowPriorityNodes");
    const bool scales = pool.value("enableAutoScale", json(false)) == json(true);
    if (target < facts.instances)
      reasons.push_back(fmt::format("the task wants {} nodes, the pool is to have {}{}", facts.instances,
                                    target, scales ? " (by its autoscale formula, so far)" : ""));
    else if (current < facts.instances)
      reasons.push_back(fmt::format("the pool has {} of {} nodes so far", current, target));
  }
  if (facts.nodes.is_array()) {
    std::map<std::string, int> states;
    std::string example;
    for (const auto& node : facts.nodes) {
      const std::string state = text_at(node, "state");
      if (text_at(node, "schedulingState") == "disabled") ++states["closed for tasks (schedulingState)"];
      if (state == "idle" || state == "running") continue;
      ++states[state];
      if (!example.empty()) continue;
      const json start = part_at(node, "startTaskInfo");
      if (const auto failure = view_failure(start); failure && state == "starttaskfailed")
        example = fmt::format("start task of {}: {}", text_at(node, "id"), describe(*failure));
      for (const auto& error : part_at(node, "errors")) {
        if (example.empty())
          example = fmt::format("{}: {}", text_at(node, "id"),
                                describe({"", text_at(error, "code"), text_at(error, "message"), {}}));
      }
    }
    for (const auto& [state, count] : states)
      reasons.push_back(fmt::format("{} node{} {}", count, count == 1 ? " is" : "s are", state));
    if (!example.empty()) reasons.push_back(example);
  }
  if (facts.preparation.is_array()) {
    for (const auto& item : facts.preparation) {
      const auto failure = view_failure(part_at(item, "jobPreparationTaskExecutionInfo"));
      if (!failure) continue;
      reasons.push_back(fmt::format("the job's preparation (pulling the image) failed on {}: {}",
                                    text_at(item, "nodeId"), describe(*failure)));
      break;
    }
  }
  return reasons;
}

}  // namespace shipyard::batch
