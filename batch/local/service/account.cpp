#include "batch/local/service/account.hpp"

#include <algorithm>
#include <utility>

#include "batch/client/json_access.hpp"
#include "batch/local/service/placement.hpp"

namespace shipyard::local {

using batch::number_at;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

template <typename Resources>
auto* find_resource(const Resources& resources, std::string_view id) {
  const auto found = std::find_if(resources.begin(), resources.end(),
                                  [&](const auto& resource) { return is_same_id(resource->id, id); });
  return found == resources.end() ? nullptr : found->get();
}

json order_json(const TaskOrder& order) {
  return {{"job", order.job},
          {"task", order.task},
          {"attempt", order.attempt},
          {"pool", order.pool},
          {"nodes", order.nodes}};
}

}  // namespace

Account::Account(Runner& runner, Clock clock) : runner_(runner), clock_(std::move(clock)) {}

PoolResource* Account::find_pool(std::string_view id) const { return find_resource(pools_, id); }
JobResource* Account::find_job(std::string_view id) const { return find_resource(jobs_, id); }

Account::Taken* Account::find_taken(std::string_view job, std::string_view task) {
  const auto found = std::find_if(taken_.begin(), taken_.end(), [&](const Taken& taken) {
    return is_same_id(taken.order.job, job) && is_same_id(taken.order.task, task);
  });
  return found == taken_.end() ? nullptr : &*found;
}

std::map<std::string, int> Account::slots_taken(const PoolResource& pool) const {
  std::map<std::string, int> slots;
  for (const auto& taken : taken_) {
    if (!is_same_id(taken.order.pool, pool.id)) continue;
    for (const auto& node : taken.order.nodes)
      slots[node] += std::max(1, number_at(taken.order.task_body, "requiredSlots", 1));
  }
  return slots;
}

std::optional<Fault> Account::refusal(const JobResource& job) {
  if (job.state == "terminating") return Fault{"JobBeingTerminated"};
  if (job.state == "completed") return Fault{"JobCompleted"};
  if (job.state == "deleting") return Fault{"JobBeingDeleted"};
  return std::nullopt;
}

void Account::touch(Resource& resource) {
  resource.modified = clock_();
  resource.etag = etags_.next(resource.modified);
}

void Account::end_task(JobResource& job, TaskResource& task, const CommandEnd& how) {
  if (task.is_on_nodes()) runner_.terminate(job.id, task.id);
  task.complete(how, clock_());
  touch(task);
  task_completed(job, task);
}

void Account::requeue_task(JobResource& job, TaskResource& task) {
  runner_.terminate(job.id, task.id);
  task.requeue(clock_());
  touch(task);
}

void Account::task_completed(JobResource& job, TaskResource& task) {
  if (PoolResource* pool = find_pool(task.pool)) {
    for (const auto& id : task.nodes) {
      if (NodeResource* node = pool->node(id)) {
        ++node->tasks_run;
        node->tasks_succeeded += task.has_succeeded() ? 1 : 0;
      }
    }
  }
  if (job.state != "active" || task.has_succeeded()) return;
  if (text_at(job.body, "onTaskFailure") != "performexitoptionsjobaction") return;
  const std::string action = task.job_action();
  if (action == "terminate") {
    end_job(job, "TaskFailed");
  } else if (action == "disable") {
    job.enter("disabled", clock_());
    touch(job);
  }
}

void Account::end_job(JobResource& job, const std::string& reason) {
  if (refusal(job)) return;
  job.terminate_reason = reason;
  job.enter("terminating", clock_());
  touch(job);
  // What runs is ended; what is active stays so for ever.
  for (auto& task : job.tasks) {
    if (task.is_on_nodes())
      end_task(job, task, {std::nullopt, "TaskEnded", "The job of the task was ended."});
  }
}

void Account::advance() {
  ++version_;
  for (auto& job : jobs_) {
    if (job->state == "active" && text_at(job->body, "onAllTasksComplete") == "terminatejob" &&
        job->has_all_complete())
      end_job(*job, "AllTasksComplete");
    const bool idle = std::none_of(job->tasks.begin(), job->tasks.end(),
                                   [](const TaskResource& task) { return task.is_on_nodes(); });
    if (job->state == "disabling" && idle) {
      job->enter("disabled", clock_());
      touch(*job);
    }
  }
  std::vector<const JobResource*> gone;
  for (const auto& job : jobs_) {
    if (advance_ending(*job)) gone.push_back(job.get());
  }
  std::erase_if(
      jobs_, [&](const auto& job) { return std::find(gone.begin(), gone.end(), job.get()) != gone.end(); });
  place_tasks();
}

bool Account::advance_ending(JobResource& job) {
  if (job.state != "terminating" && job.state != "deleting") return false;
  const bool busy = std::any_of(taken_.begin(), taken_.end(),
                                [&](const Taken& taken) { return is_same_id(taken.order.job, job.id); });
  if (busy) return false;
  PoolResource* pool = find_pool(job.pool);
  if (!std::exchange(job.released, true) && job.body.contains("jobReleaseTask")) {
    // After a start of this service the nodes are found one after the other.
    if (pool != nullptr && pool->nodes.empty() && pool->state == "active" && resizes_[pool->id] > 0 &&
        !job.preparations.empty()) {
      job.released = false;
      return false;
    }
    std::vector<std::string> nodes;
    for (const auto& run : job.preparations) {
      if (pool == nullptr || pool->node(run.node) == nullptr || job.release(run.node) != nullptr) continue;
      nodes.push_back(run.node);
      job.releases.push_back({run.node, clock_(), std::nullopt, {}});
    }
    if (!nodes.empty()) runner_.release(job.id, nodes, job.body);
  }
  if (std::any_of(job.releases.begin(), job.releases.end(), [](const NodeRun& run) { return !run.ended; }))
    return false;
  const bool deleted = job.state == "deleting";
  if (deleted) {
    std::vector<std::string> nodes;
    for (const auto& node : pool == nullptr ? std::vector<NodeResource>() : pool->nodes)
      nodes.push_back(node.info.id);
    if (!nodes.empty()) runner_.remove_files(job.id, "", nodes);
  } else {
    job.ended = clock_();
    job.enter("completed", *job.ended);
    touch(job);
  }
  if (deleted) end_pool_of(job);
  return deleted;
}

bool Account::end_pool_of(const JobResource& job) {
  PoolResource* pool = find_pool(job.pool);
  const json wish = part_at(part_at(job.body, "poolInfo"), "autoPoolSpecification");
  if (pool == nullptr || !pool->automatic || pool->state != "active" ||
      text_at(wish, "poolLifetimeOption") != "job" || part_at(wish, "keepAlive") == json(true))
    return false;
  begin_deletion(*pool);
  return true;
}

void Account::place_tasks() {
  std::vector<JobResource*> jobs;
  for (const auto& job : jobs_) {
    if (job->state == "active") jobs.push_back(job.get());
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const JobResource* a, const JobResource* b) {
    return number_at(a->body, "priority") > number_at(b->body, "priority");
  });
  for (JobResource* job : jobs) {
    const PoolResource* pool = find_pool(job->pool);
    if (pool == nullptr) continue;
    const int most = number_at(job->body, "maxParallelTasks", -1);
    auto running = std::count_if(job->tasks.begin(), job->tasks.end(),
                                 [](const TaskResource& task) { return task.is_on_nodes(); });
    auto slots = slots_taken(*pool);
    const auto is_free = [&](const NodeResource& node) {
      return !node.leaving && node.enabled && slots[node.info.id] < pool->slots_per_node();
    };
    for (auto& task : job->tasks) {
      // Thousands may wait for the few nodes that there are.
      if (std::none_of(pool->nodes.begin(), pool->nodes.end(), is_free)) break;
      // An attempt that has not ended yet still writes where the next one would.
      if (task.state != "active" || find_taken(job->id, task.id) != nullptr) continue;
      if (most >= 0 && running >= most) break;
      Placement placement = place_task(pool, *job, task, slots);
      if (placement.nodes.empty()) continue;
      start_task(*job, task, std::move(placement.nodes));
      slots = slots_taken(*pool);
      ++running;
    }
  }
}

void Account::start_task(JobResource& job, TaskResource& task, std::vector<std::string> nodes) {
  const Time now = clock_();
  task.place(job.pool, std::move(nodes), now);
  touch(task);
  TaskOrder order{job.id, task.id, task.attempt, job.pool, task.nodes, {}, job.body, task.body};
  for (const auto& node : task.nodes) {
    if (!job.has_to_prepare(node)) continue;
    order.prepare.push_back(node);
    std::erase_if(job.preparations, [&](const NodeRun& run) { return run.node == node; });
    job.preparations.push_back({node, now, std::nullopt, {}});
  }
  if (PoolResource* pool = find_pool(job.pool)) {
    for (const auto& id : task.nodes) {
      if (NodeResource* node = pool->node(id)) node->state_since = now;
    }
  }
  taken_.push_back({order});
  runner_.start(order);
}

void Account::tick() {
  const std::lock_guard lock(mutex_);
  const Time now = clock_();
  const auto is_over = [&](Time since, const std::optional<std::chrono::milliseconds>& limit) {
    return limit && std::chrono::duration_cast<std::chrono::milliseconds>(now - since) >= *limit;
  };
  bool changed = false;
  for (auto& job : jobs_) {
    if (job->state == "completed" && is_over(*job->ended, kPoolOutlivesJob) && end_pool_of(*job))
      changed = true;
    if (!refusal(*job) && is_over(job->created, job->wall_clock_limit())) {
      end_job(*job, "MaxWallClockTimeExpiry");
      changed = true;
    }
    for (auto& task : job->tasks) {
      if (task.state != "running" || !is_over(*task.started, task.wall_clock_limit())) continue;
      // Retries are for exit statuses (TaskConstraints.maxTaskRetryCount); there is none here.
      end_task(*job, task,
               {std::nullopt, "WallClockTimeExpired", "The task has run for the longest time that it may."});
      changed = true;
    }
  }
  if (changed) advance();
}

json Account::to_json() const {
  const std::lock_guard lock(mutex_);
  json document = {
      {"version", 1}, {"pools", json::array()}, {"jobs", json::array()}, {"taken", json::array()}};
  for (const auto& pool : pools_) document["pools"].push_back(local::to_json(*pool));
  for (const auto& job : jobs_) document["jobs"].push_back(local::to_json(*job));
  // For a person who reads it: a new process asks its runner what is there.
  for (const auto& taken : taken_) document["taken"].push_back(order_json(taken.order));
  return document;
}

void Account::from_json(const json& document) {
  const std::lock_guard lock(mutex_);
  ++version_;
  pools_.clear();
  jobs_.clear();
  taken_.clear();
  resizes_.clear();
  for (const auto& item : part_at(document, "pools")) {
    if (!text_at(item, "id").empty()) read(item, *pools_.emplace_back(std::make_unique<PoolResource>()));
  }
  for (const auto& item : part_at(document, "jobs")) {
    if (!text_at(item, "id").empty()) read(item, *jobs_.emplace_back(std::make_unique<JobResource>()));
  }
}

void Account::restarted() {
  const std::lock_guard lock(mutex_);
  taken_.clear();
  resizes_.clear();
  for (auto& pool : pools_) {
    pool->nodes.clear();
    if (pool->state == "deleting") {
      order_nodes(*pool, 0, "resizing");
    } else {
      order_nodes(*pool, pool->target(), "resizing");
    }
  }
  std::vector<std::pair<JobResource*, TaskResource*>> failed;
  for (auto& job : jobs_) {
    std::erase_if(job->preparations, [](const NodeRun& run) { return !run.ended; });
    for (auto& run : job->preparations) run.repeat = true;
    if (job->state == "terminating" || job->state == "deleting") {
      std::erase_if(job->releases, [](const NodeRun& run) { return !run.ended; });
      job->released = false;
    }
    for (auto& task : job->tasks) {
      if (!task.is_on_nodes()) continue;
      if (task.has_retries_left() && !refusal(*job)) {
        task.retry(clock_());
      } else {
        task.complete({std::nullopt, "ServiceRestarted", "the service was restarted"}, clock_());
        failed.emplace_back(job.get(), &task);
      }
      touch(task);
    }
  }
  // Only now: what they make of their jobs finds no task that would have to be ended.
  for (const auto& [job, task] : failed) task_completed(*job, *task);
  advance();
}

unsigned long long Account::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::string Account::reason_for_waiting(const std::string& job_id, const std::string& task_id) const {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  const TaskResource* task = job == nullptr ? nullptr : job->task(task_id);
  if (task == nullptr || task->state != "active") return {};
  const PoolResource* pool = find_pool(job->pool);
  return place_task(pool, *job, *task, pool == nullptr ? std::map<std::string, int>() : slots_taken(*pool))
      .reason;
}

}  // namespace shipyard::local
