#include <algorithm>

#include "batch/client/json_access.hpp"
#include "batch/local/service/account.hpp"
#include "batch/local/service/account_rules.hpp"
#include "batch/local/service/views.hpp"

namespace shipyard::local {

using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

/// "The total number of Tasks in a collection may not exceed 100" (Add Task Collection).
constexpr std::size_t kMostTasksOfRequest = 100;

Revision revision_of(const JobResource& job, const TaskResource& task) {
  return {task_path(job, task), task.etag, task.modified};
}

}  // namespace

std::variant<TaskResource*, Fault> Account::new_task_in(JobResource& job, const json& body) {
  const std::string id = text_at(body, "id");
  if (auto fault = fault_of_id(id)) return *fault;
  if (auto fault = fault_of_containers(find_pool(job.pool), body)) return *fault;
  if (job.task(id) != nullptr) return Fault{"TaskExists"};
  if (body.contains("dependsOn") && part_at(job.body, "usesTaskDependencies") != json(true))
    return Fault{"TaskDependenciesNotSpecifiedOnJob"};
  if (const json instances = part_at(body, "multiInstanceSettings");
      batch::number_at(instances, "numberOfInstances", 1) < 1)
    return Fault{"InvalidPropertyValue", {{"PropertyName", "multiInstanceSettings.numberOfInstances"}}};
  TaskResource& task = job.tasks.emplace_back(new_task(body, job.retries_of_tasks(), clock_()));
  touch(task);
  return &task;
}

Outcome Account::add_task(const std::string& id, const json& body) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  const auto made = new_task_in(*job, body);
  if (const auto* fault = std::get_if<Fault>(&made)) return *fault;
  Answer answer{201, nullptr, revision_of(*job, *std::get<TaskResource*>(made)), true};
  advance();
  return answer;
}

Outcome Account::add_tasks(const std::string& id, const json& body, const std::string& base) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  if (body["value"].size() > kMostTasksOfRequest) return Fault{"RequestBodyTooLarge"};
  json results = json::array();
  for (const auto& item : body["value"]) {
    const auto made = new_task_in(*job, item);
    if (const auto* fault = std::get_if<Fault>(&made)) {
      results.push_back(
          {{"status", http_status(*fault) < 500 ? "clienterror" : "servererror"},
           {"taskId", text_at(item, "id")},
           {"error",
            {{"code", fault->code}, {"message", {{"lang", "en-US"}, {"value", words_of(*fault)}}}}}});
      for (const auto& [key, value] : fault->values)
        results.back()["error"]["values"].push_back({{"key", key}, {"value", value}});
      continue;
    }
    const TaskResource& task = *std::get<TaskResource*>(made);
    results.push_back({{"status", "success"},
                       {"taskId", task.id},
                       {"eTag", task.etag},
                       {"lastModified", batch_time(task.modified)},
                       {"location", base + task_path(*job, task)}});
  }
  advance();
  return Answer{200, {{"value", results}}};
}

Outcome Account::get_task(const std::string& job_id, const std::string& id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  const TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  return Answer{200, task_view(*job, *task, base), revision_of(*job, *task)};
}

Listing Account::list_tasks(const std::string& job_id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  const JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  std::vector<json> views;
  for (const auto& task : job->tasks) views.push_back(task_view(*job, task, base));
  return views;
}

Outcome Account::update_task(const std::string& job_id, const std::string& id, const json& body,
                             const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  if (task->is_completed()) return Fault{"TaskCompleted"};
  if (auto fault = fault_of_match(*task, if_match)) return *fault;
  // Constraints are all that can be changed; without them they go back to the defaults (Update Task).
  task->body["constraints"] = new_task(body, job->retries_of_tasks(), clock_()).body["constraints"];
  touch(*task);
  advance();
  return Answer{200, nullptr, revision_of(*job, *task)};
}

Outcome Account::delete_task(const std::string& job_id, const std::string& id, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  if (auto fault = fault_of_match(*task, if_match)) return *fault;
  if (task->is_on_nodes()) runner_.terminate(job->id, task->id);
  if (Taken* taken = find_taken(job->id, task->id)) {
    taken->forget = true;
  } else if (!task->nodes.empty()) {
    runner_.remove_files(job->id, task->id, task->nodes);
  }
  std::erase_if(job->tasks, [&](const TaskResource& other) { return &other == task; });
  touch(*job);
  advance();
  return Answer{200};
}

Outcome Account::terminate_task(const std::string& job_id, const std::string& id,
                                const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  if (task->is_completed()) return Fault{"TaskCompleted"};
  if (auto fault = fault_of_match(*task, if_match)) return *fault;
  end_task(*job, *task, {std::nullopt, "TaskEnded", "The task was ended by request of a user."});
  Answer answer{204, nullptr, revision_of(*job, *task)};
  advance();
  return answer;
}

Outcome Account::reactivate_task(const std::string& job_id, const std::string& id,
                                 const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  if (auto fault = fault_of_match(*task, if_match)) return *fault;
  if (!task->is_completed()) return Fault{"TaskNotCompleted"};
  if (task->has_succeeded()) return Fault{"TaskSucceeded"};
  task->reactivate(clock_());
  touch(*task);
  Answer answer{204, nullptr, revision_of(*job, *task)};
  advance();
  return answer;
}

Listing Account::list_subtasks(const std::string& job_id, const std::string& id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  const TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  return subtask_views(*job, *task, base);
}

FileOutcome Account::task_files(const std::string& job_id, const std::string& id) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  if (job == nullptr) return Fault{"JobNotFound"};
  const TaskResource* task = job->task(id);
  if (task == nullptr) return Fault{"TaskNotFound"};
  if (task->nodes.empty()) return Fault{"OperationInvalidForCurrentState"};
  const PoolResource* pool = find_pool(task->pool);
  const NodeResource* node = pool == nullptr ? nullptr : pool->node(task->nodes[0]);
  if (node == nullptr) return Fault{"TaskFilesUnavailable"};
  return FilePlace{node->info.directory, task_directory(job->id, task->id)};
}

FileOutcome Account::node_files(const std::string& pool_id, const std::string& id) {
  const std::lock_guard lock(mutex_);
  const PoolResource* pool = find_pool(pool_id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  const NodeResource* node = pool->node(id);
  if (node == nullptr) return Fault{"NodeNotFound"};
  return FilePlace{node->info.directory, ""};
}

std::pair<JobResource*, TaskResource*> Account::present(const TaskOrder& order) {
  JobResource* job = find_job(order.job);
  TaskResource* task = job == nullptr ? nullptr : job->task(order.task);
  if (task == nullptr || !task->is_on_nodes() || task->attempt != order.attempt) return {nullptr, nullptr};
  // A task that was deleted and added again begins to count anew, and waits for the end of the old one.
  const Taken* taken = find_taken(order.job, order.task);
  if (taken == nullptr || taken->forget) return {nullptr, nullptr};
  return {job, task};
}

void Account::subtask_started(const TaskOrder& order, int subtask) {
  const std::lock_guard lock(mutex_);
  const auto [job, task] = present(order);
  if (task == nullptr) return;
  const Time now = clock_();
  task->subtasks[subtask] = {now, std::nullopt, {}};
  task->run(now);
  touch(*task);
  advance();
}

void Account::subtask_ended(const TaskOrder& order, int subtask, const CommandEnd& end) {
  const std::lock_guard lock(mutex_);
  const auto [job, task] = present(order);
  if (task == nullptr) return;
  const Time now = clock_();
  Subtask& known = task->subtasks.try_emplace(subtask, Subtask{now, std::nullopt, {}}).first->second;
  known.ended = now;
  known.end = end;
  touch(*task);
  advance();
}

void Account::task_started(const TaskOrder& order) {
  const std::lock_guard lock(mutex_);
  const auto [job, task] = present(order);
  if (task == nullptr) return;
  task->run(clock_());
  touch(*task);
  advance();
}

void Account::task_ended(const TaskOrder& order, const CommandEnd& end) {
  const std::lock_guard lock(mutex_);
  const auto [job, task] = present(order);
  const auto found = std::find_if(taken_.begin(), taken_.end(), [&](const Taken& taken) {
    return taken.order.job == order.job && taken.order.task == order.task &&
           taken.order.attempt == order.attempt;
  });
  if (found == taken_.end()) return;
  const Taken taken = *found;
  taken_.erase(found);
  if (taken.forget) runner_.remove_files(order.job, order.task, taken.order.nodes);
  if (JobResource* its = find_job(order.job)) {
    // A preparation that was not told of by now has not ended by itself.
    std::erase_if(its->preparations, [&](const NodeRun& run) {
      const auto& prepare = taken.order.prepare;
      return !run.ended && std::find(prepare.begin(), prepare.end(), run.node) != prepare.end();
    });
  }
  if (task != nullptr) {
    const bool unfit =
        std::any_of(taken.order.prepare.begin(), taken.order.prepare.end(),
                    [&, its = job](const std::string& node) { return its->has_failed_on(node); });
    CommandEnd how = end;
    // "If any of the subtasks fails, the multi-instance task fails" (batch-mpi).
    for (const auto& [number, subtask] : task->subtasks) {
      if (is_good(how) && subtask.ended && !is_good(subtask.end)) how = subtask.end;
    }
    if (unfit) {
      task->postpone(clock_());
    } else if (!is_good(how) && task->has_retries_left()) {
      task->retry(clock_());
    } else {
      task->complete(how, clock_());
      task_completed(*job, *task);
    }
    touch(*task);
  }
  advance();
}

}  // namespace shipyard::local
