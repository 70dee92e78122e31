#include "batch/local/service/job_resource.hpp"

#include <algorithm>

#include "batch/client/json_access.hpp"

namespace shipyard::local {

using batch::number_at;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

template <typename Range, typename Condition>
auto* find_in(Range& range, Condition condition) {
  const auto found = std::find_if(range.begin(), range.end(), condition);
  return found == range.end() ? nullptr : &*found;
}

NodeRun* run_on(std::vector<NodeRun>& runs, std::string_view node) {
  return find_in(runs, [&](const NodeRun& run) { return run.node == node; });
}

json runs_json(const std::vector<NodeRun>& runs) {
  json list = json::array();
  for (const auto& run : runs)
    list.push_back({{"node", run.node},
                    {"started", batch_time(run.started)},
                    {"ended", time_or_empty(run.ended)},
                    {"end", to_json(run.end)},
                    {"repeat", run.repeat}});
  return list;
}

std::vector<NodeRun> read_runs(const json& list) {
  std::vector<NodeRun> runs;
  for (const auto& item : list)
    runs.push_back({text_at(item, "node"), time_at(item, "started").value_or(Time{}), time_at(item, "ended"),
                    read_command_end(part_at(item, "end")), part_at(item, "repeat") == json(true)});
  return runs;
}

}  // namespace

TaskResource* JobResource::task(std::string_view task_id) {
  return find_in(tasks, [&](const TaskResource& task) { return is_same_id(task.id, task_id); });
}

NodeRun* JobResource::preparation(std::string_view node) { return run_on(preparations, node); }
NodeRun* JobResource::release(std::string_view node) { return run_on(releases, node); }

bool JobResource::has_all_complete() const {
  return std::all_of(tasks.begin(), tasks.end(),
                     [](const TaskResource& task) { return task.is_completed(); });
}

int JobResource::retries_of_tasks() const {
  return number_at(part_at(body, "constraints"), "maxTaskRetryCount");
}

std::optional<std::chrono::milliseconds> JobResource::wall_clock_limit() const {
  return parse_iso_duration(text_at(part_at(body, "constraints"), "maxWallClockTime"));
}

bool JobResource::has_to_prepare(std::string_view node) const {
  return body.contains("jobPreparationTask") &&
         std::none_of(preparations.begin(), preparations.end(),
                      [&](const NodeRun& run) { return run.node == node && !run.repeat; });
}

bool JobResource::has_failed_on(std::string_view node) const {
  if (part_at(part_at(body, "jobPreparationTask"), "waitForSuccess") == json(false)) return false;
  return std::any_of(preparations.begin(), preparations.end(), [&](const NodeRun& run) {
    return run.node == node && run.ended && !run.repeat && !is_good(run.end);
  });
}

bool JobResource::refuses(std::string_view node) const {
  const bool runs = std::any_of(preparations.begin(), preparations.end(),
                                [&](const NodeRun& run) { return run.node == node && !run.ended; });
  return runs || has_failed_on(node);
}

void JobResource::forget_node(std::string_view node) {
  const auto is_there = [&](const NodeRun& run) { return run.node == node; };
  std::erase_if(preparations, is_there);
  std::erase_if(releases, is_there);
}

bool JobResource::dependencies_are_met(const TaskResource& task) const {
  const json wish = part_at(task.body, "dependsOn");
  const auto satisfied = [&](const std::string& other_id) {
    const auto* found =
        find_in(tasks, [&](const TaskResource& other) { return is_same_id(other.id, other_id); });
    return found != nullptr && found->satisfies_dependents();
  };
  const auto ids = batch::texts_at(wish, "taskIds");
  if (!std::all_of(ids.begin(), ids.end(), satisfied)) return false;
  for (const auto& range : part_at(wish, "taskIdRanges")) {
    const int last = number_at(range, "end", -1);
    for (long long number = number_at(range, "start"); number <= last; ++number) {
      if (!satisfied(std::to_string(number))) return false;
    }
  }
  return true;
}

JobResource new_job(const json& body, const std::string& pool, Time now) {
  JobResource job;
  job.id = text_at(body, "id");
  job.body = {{"priority", 0},
              {"maxParallelTasks", -1},
              {"onAllTasksComplete", "noaction"},
              {"onTaskFailure", "noaction"},
              {"usesTaskDependencies", false}};
  job.body.update(body);
  job.pool = pool;
  job.created = job.modified = job.state_since = now;
  return job;
}

json to_json(const JobResource& job) {
  json document = to_json(static_cast<const Resource&>(job));
  document["pool"] = job.pool;
  document["ended"] = time_or_empty(job.ended);
  document["terminateReason"] = job.terminate_reason;
  document["tasks"] = json::array();
  for (const auto& task : job.tasks) document["tasks"].push_back(to_json(task));
  document["preparations"] = runs_json(job.preparations);
  document["releases"] = runs_json(job.releases);
  document["released"] = job.released;
  return document;
}

void read(const json& document, JobResource& job) {
  read(document, static_cast<Resource&>(job));
  job.pool = text_at(document, "pool");
  job.ended = time_at(document, "ended");
  job.terminate_reason = text_at(document, "terminateReason");
  for (const auto& item : part_at(document, "tasks")) {
    if (!text_at(item, "id").empty()) read(item, job.tasks.emplace_back());
  }
  job.preparations = read_runs(part_at(document, "preparations"));
  job.releases = read_runs(part_at(document, "releases"));
  job.released = part_at(document, "released") == json(true);
}

}  // namespace shipyard::local
