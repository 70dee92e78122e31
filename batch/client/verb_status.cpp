#include <fmt/format.h>

#include <ostream>

#include "batch/client/document.hpp"
#include "batch/client/find_task.hpp"
#include "batch/client/redact.hpp"
#include "batch/client/text_table.hpp"
#include "batch/client/verbs.hpp"
#include "batch/client/waiting.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// "2026-11-29T11:30:12.1234Z" without what nobody reads.
std::string short_time(const std::string& text) {
  return text.size() > 19 && text[10] == 'T' ? text.substr(0, 10) + " " + text.substr(11, 8) : text;
}

std::vector<std::string> row(const std::string& task, const std::string& node_number, const TaskView& view) {
  return {task,
          node_number,
          view.state,
          view.exit_code ? std::to_string(*view.exit_code) : "",
          view.node,
          short_time(view.start),
          short_time(view.end)};
}

/// An id of a subtask is a number, unless the service says something else.
json number_or_text(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_number_integer() ? value : json(text);
}

void append_notes(std::vector<std::string>& notes, const std::string& name, const TaskView& view) {
  if (view.failure) notes.push_back(fmt::format("{}: {}", name, describe(*view.failure)));
  if (view.requeues > 0)
    notes.push_back(
        fmt::format("{}: started anew {} times by Batch, after its node was gone", name, view.requeues));
  if (view.retries > 0)
    notes.push_back(fmt::format("{}: started anew {} times by Batch, after a failure", name, view.retries));
}

}  // namespace

int show_status(const Edge& edge) {
  const auto& request = edge.request;
  const Answer job = edge.service.get(job_path(request.job));
  if (!job.good()) return edge.fail(job.error);
  Answer tasks = request.task.empty() ? edge.service.list(job_path(request.job) + "/tasks")
                                      : edge.service.get(task_path(request.job, request.task));
  if (!tasks.good()) return edge.fail(tasks.error);
  if (!tasks.body.is_array()) tasks.body = json::array({tasks.body});

  json all = {{"job", without_secrets(job.body)}, {"tasks", json::array()}};
  std::vector<std::vector<std::string>> rows = {
      {"TASK", "NODE", "STATE", "EXIT", "ON", "START (UTC)", "END (UTC)"}};
  std::vector<std::string> notes;
  for (const auto& task : tasks.body) {
    const TaskView view = view_task(task);
    auto subtasks = list_subtasks(request.job, view, edge.service);
    if (!subtasks) return edge.fail(subtasks.error());
    for (std::size_t i = 0; i < subtasks->size(); ++i) {
      const auto& subtask = (*subtasks)[i];
      rows.push_back(row(i == 0 ? view.id : "", view.instances > 1 ? subtask.id : "", subtask));
      append_notes(notes, i == 0 ? view.id : fmt::format("{}, node {}", view.id, subtask.id), subtask);
    }
    std::vector<std::string> reasons;
    if (view.state == "active") {
      reasons = reasons_for_waiting(ask_why_it_waits(request.job, view, edge.service));
      for (const auto& reason : reasons) notes.push_back(fmt::format("{} waits: {}", view.id, reason));
      if (reasons.empty()) notes.push_back(fmt::format("{} waits: the pool's nodes are busy", view.id));
    }
    json entry = {{"task", without_secrets(task)}, {"waits", reasons}, {"subtasks", json::array()}};
    for (const auto& subtask : *subtasks)
      entry["subtasks"].push_back(
          {{"id", number_or_text(subtask.id)}, {"state", subtask.state}, {"node", subtask.node}});
    all["tasks"].push_back(std::move(entry));
  }
  if (request.json) {
    edge.out << json_text(all, 2) << "\n" << std::flush;
    return 0;
  }
  std::string head = fmt::format("job '{}': {}", request.job, text_at(job.body, "state"));
  const json execution = part_at(job.body, "executionInfo");
  if (const std::string pool = text_at(execution, "poolId"); !pool.empty())
    head += fmt::format(", pool '{}'", pool);
  if (const std::string reason = text_at(execution, "terminateReason"); !reason.empty())
    head += fmt::format(", ended: {}", reason);
  edge.out << head << "\n";
  if (rows.size() > 1) edge.out << "\n" << text_table(rows, {1, 3});
  for (const auto& note : notes) edge.out << (note == notes.front() ? "\n" : "") << note << "\n";
  edge.out << std::flush;
  return 0;
}

}  // namespace shipyard::batch
