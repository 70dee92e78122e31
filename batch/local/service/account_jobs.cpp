#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "batch/client/json_access.hpp"
#include "batch/local/service/account.hpp"
#include "batch/local/service/account_rules.hpp"
#include "batch/local/service/views.hpp"

namespace shipyard::local {

using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

Revision revision_of(const JobResource& job) { return {job_path(job), job.etag, job.modified}; }

/// As Azure names an auto pool: PREFIX_ and a UUID in capitals.
std::string auto_pool_id(const std::string& prefix) {
  std::random_device random;
  const auto word = [&] { return static_cast<unsigned>(random()); };
  const unsigned a = word();
  const unsigned b = word();
  const unsigned c = word();
  return fmt::format("{}{}{:08X}-{:04X}-4{:03X}-{:04X}-{:04X}{:08X}", prefix, prefix.empty() ? "" : "_", a,
                     b & 0xffffU, (b >> 16U) & 0xfffU, 0x8000U | (c & 0x3fffU), c >> 16U, word());
}

}  // namespace

Outcome Account::add_job(const json& body) {
  const std::lock_guard lock(mutex_);
  const std::string id = text_at(body, "id");
  if (auto fault = fault_of_id(id)) return *fault;
  if (const JobResource* present = find_job(id))
    return Fault{present->state == "deleting" ? "JobBeingDeleted" : "JobExists"};
  if (auto fault = fault_of_job(body)) return *fault;
  std::string pool_id = text_at(body["poolInfo"], "poolId");
  if (body["poolInfo"].contains("autoPoolSpecification")) {
    const json wish = body["poolInfo"]["autoPoolSpecification"];
    pool_id = auto_pool_id(text_at(wish, "autoPoolIdPrefix"));
    PoolResource& pool =
        *pools_.emplace_back(std::make_unique<PoolResource>(new_pool(pool_id, wish["pool"], clock_())));
    pool.automatic = true;
    touch(pool);
    if (pool.target() > 0) order_nodes(pool, pool.target(), "resizing");
  }
  JobResource& job = *jobs_.emplace_back(std::make_unique<JobResource>(new_job(body, pool_id, clock_())));
  touch(job);
  Answer answer{201, nullptr, revision_of(job), true};
  advance();
  return answer;
}

Outcome Account::get_job(const std::string& id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  const JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  return Answer{200, job_view(*job, base), revision_of(*job)};
}

Listing Account::list_jobs(const std::string& base) {
  const std::lock_guard lock(mutex_);
  std::vector<json> views;
  for (const auto& job : jobs_) views.push_back(job_view(*job, base));
  return views;
}

Outcome Account::update_job(const std::string& id, const json& body, const std::string& if_match,
                            bool replace) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  if (auto fault = fault_of_match(*job, if_match)) return *fault;
  json next = job->body;
  if (replace) {
    for (const char* key : {"constraints", "metadata", "allowTaskPreemption"}) next.erase(key);
    next.update({{"priority", 0}, {"maxParallelTasks", -1}, {"onAllTasksComplete", "noaction"}});
  }
  next.update(body);
  if (body.contains("poolInfo") && body["poolInfo"] != job->body["poolInfo"]) {
    const json& pool = body["poolInfo"];
    // "The Pool for a Job may be changed only when the Job is disabled" (Patch Job); a new auto pool is not
    // made.
    if (job->state != "disabled" || !pool.contains("poolId"))
      return Fault{"OperationInvalidForCurrentState", {{"PropertyName", "poolInfo"}}};
    job->pool = text_at(pool, "poolId");
    job->preparations.clear();
  }
  job->body = std::move(next);
  touch(*job);
  Answer answer{200, nullptr, revision_of(*job)};
  advance();
  return answer;
}

Outcome Account::delete_job(const std::string& id, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (job->state == "deleting") return Fault{"JobBeingDeleted"};
  if (auto fault = fault_of_match(*job, if_match)) return *fault;
  end_job(*job, "UserTerminate");
  job->enter("deleting", clock_());
  touch(*job);
  advance();
  return Answer{202};
}

Outcome Account::terminate_job(const std::string& id, const json& body, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  if (auto fault = fault_of_match(*job, if_match)) return *fault;
  end_job(*job, text_at(body, "terminateReason", "UserTerminate"));
  Answer answer{202, nullptr, revision_of(*job)};
  advance();
  return answer;
}

Outcome Account::disable_job(const std::string& id, const json& body, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  if (auto fault = fault_of_match(*job, if_match)) return *fault;
  if (job->state != "active") return Fault{"OperationInvalidForCurrentState"};
  job->enter("disabling", clock_());
  touch(*job);
  const std::string how = text_at(body, "disableTasks");
  for (auto& task : job->tasks) {
    if (!task.is_on_nodes() || how == "wait") continue;
    if (how == "terminate") {
      end_task(*job, task, {std::nullopt, "TaskEnded", "The job of the task was disabled."});
    } else {
      requeue_task(*job, task);
    }
  }
  Answer answer{202, nullptr, revision_of(*job)};
  advance();
  return answer;
}

Outcome Account::enable_job(const std::string& id, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (auto fault = refusal(*job)) return *fault;
  if (auto fault = fault_of_match(*job, if_match)) return *fault;
  job->enter("active", clock_());
  touch(*job);
  Answer answer{202, nullptr, revision_of(*job)};
  advance();
  return answer;
}

Outcome Account::count_tasks(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  return Answer{200, task_counts(*job)};
}

Listing Account::list_preparations(const std::string& id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  const JobResource* job = find_job(id);
  if (job == nullptr) return Fault{"JobNotFound"};
  if (!job->body.contains("jobPreparationTask")) return Fault{"JobPreparationTaskNotSpecified"};
  return preparation_views(*job, base);
}

void Account::prepared(const std::string& job_id, const std::string& node, const CommandEnd& end) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  NodeRun* run = job == nullptr ? nullptr : job->preparation(node);
  if (run == nullptr || run->ended) return;
  const bool wanted = std::any_of(job->tasks.begin(), job->tasks.end(), [&](const TaskResource& task) {
    return task.is_on_nodes() && std::find(task.nodes.begin(), task.nodes.end(), node) != task.nodes.end();
  });
  if (!wanted && !is_good(end)) {
    // It was ended together with the task that waited for it, which says nothing of the node.
    std::erase_if(job->preparations, [&](const NodeRun& other) { return other.node == node; });
  } else {
    run->ended = clock_();
    run->end = end;
  }
  advance();
}

void Account::released(const std::string& job_id, const std::string& node, const CommandEnd& end) {
  const std::lock_guard lock(mutex_);
  JobResource* job = find_job(job_id);
  NodeRun* run = job == nullptr ? nullptr : job->release(node);
  if (run == nullptr || run->ended) return;
  run->ended = clock_();
  run->end = end;
  advance();
}

}  // namespace shipyard::local
