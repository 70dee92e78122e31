#include "batch/client/find_task.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace shipyard::batch {

Result<TaskView> find_task(const Edge& edge) {
  const std::string& job = edge.request.job;
  if (!edge.request.task.empty()) {
    const Answer answer = edge.service.get(task_path(job, edge.request.task));
    if (!answer.good()) return answer.error;
    return view_task(answer.body);
  }
  const Answer answer = edge.service.list(job_path(job) + "/tasks");
  if (!answer.good()) return answer.error;
  std::vector<std::string> names;
  for (const auto& task : answer.body) names.push_back(view_task(task).id);
  if (names.size() == 1) return view_task(answer.body[0]);
  if (names.empty()) return input_error(fmt::format("job '{}' has no task", job));
  return input_error(fmt::format("which of the tasks of job '{}'? {}", job, fmt::join(names, ", ")),
                     "it comes behind the job");
}

Result<std::vector<TaskView>> list_subtasks(const std::string& job, const TaskView& task, Service& service) {
  std::vector<TaskView> subtasks = {task};
  subtasks[0].id = "0";
  if (task.instances < 2) return subtasks;
  const Answer answer = service.list(task_path(job, task.id) + "/subtasksinfo");
  if (!answer.good()) return answer.error;
  for (const auto& item : answer.body) {
    if (number_at(item, "id") != 0) subtasks.push_back(view_task(item));
  }
  std::sort(subtasks.begin() + 1, subtasks.end(), [](const TaskView& a, const TaskView& b) {
    return a.id.size() != b.id.size() ? a.id.size() < b.id.size() : a.id < b.id;
  });
  return subtasks;
}

Result<TaskView> find_subtask(const std::vector<TaskView>& subtasks, const std::string& word) {
  std::vector<std::string> names;
  for (const auto& subtask : subtasks) {
    if (subtask.id == word || subtask.node == word) return subtask;
    names.push_back(subtask.node.empty() ? subtask.id : fmt::format("{} ({})", subtask.id, subtask.node));
  }
  return input_error(fmt::format("--node: there is no '{}' among {}", word, fmt::join(names, ", ")));
}

}  // namespace shipyard::batch
