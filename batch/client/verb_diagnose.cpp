#include <fmt/format.h>

#include <ostream>

#include "batch/client/archive_directory.hpp"
#include "batch/client/cause.hpp"
#include "batch/client/collect_node.hpp"
#include "batch/client/find_task.hpp"
#include "batch/client/follow.hpp"
#include "batch/client/verbs.hpp"
#include "batch/client/waiting.hpp"

namespace shipyard::batch {

int diagnose(const Edge& edge) {
  const std::string& job = edge.request.job;
  Service& service = edge.service;
  auto task = find_task(edge);
  if (!task) return edge.fail(task.error());
  auto collection = ArchiveDirectory::make(edge.environment, job + "-diagnose");
  if (!collection) return edge.fail(collection.error());

  const auto keep = [&](const char* name, const Answer& answer) {
    if (answer.good()) (void)collection->add(name, answer.body);
  };
  keep("task.json", service.get(task_path(job, task->id)));
  CauseFacts facts;
  facts.task = *task;
  const WaitingFacts around = ask_why_it_waits(job, *task, service);
  if (!around.job.is_null()) (void)collection->add("job.json", around.job);
  if (!around.pool.is_null()) (void)collection->add("pool.json", around.pool);
  if (!around.nodes.is_null()) (void)collection->add("nodes.json", around.nodes);
  if (!around.preparation.is_null()) (void)collection->add("preparation.json", around.preparation);
  if (task->state == "active") facts.waiting = reasons_for_waiting(around);

  std::vector<std::string> missing;
  auto subtasks = list_subtasks(job, *task, service);
  if (subtasks) {
    facts.subtasks = std::move(*subtasks);
    keep("subtasks.json", service.list(task_path(job, task->id) + "/subtasksinfo"));
    for (const auto& subtask : facts.subtasks) {
      if (edge.interruption.signal() != 0) return kOwnFailure;
      facts.last_lines.push_back(subtask.node.empty() ? ""
                                                      : collect_node(subtask, *collection, missing, service));
    }
  } else {
    missing.push_back(subtasks.error().message);
  }
  (void)fetch_report(job, *task, service, facts.report);
  const std::string cause = cause_of(facts);
  std::string text = cause + "\n";
  for (const auto& line : missing) text += "not collected: " + line + "\n";
  (void)collection->add("CAUSE.txt", text);

  const std::string archive = edge.request.output.empty() ? job + "-diagnose.tar.gz" : edge.request.output;
  if (auto packed = collection->pack(archive, edge.environment); !packed) return edge.fail(packed.error());
  edge.out << cause << "\n" << std::flush;
  for (const auto& line : missing) edge.messages.warning("not collected: " + line);
  edge.messages.note(fmt::format("all of it: {}", archive));
  return 0;
}

}  // namespace shipyard::batch
