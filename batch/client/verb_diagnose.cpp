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
namespace {

bool is_interrupted(const Edge& edge) { return edge.interruption.signal() != 0; }

/// What the account knows of the job.
void collect_account(CauseFacts& facts, ArchiveDirectory& archive, const Edge& edge) {
  const std::string& job = edge.request.job;
  if (const Answer task = edge.service.get(task_path(job, facts.task.id)); task.good())
    archive.add("task.json", task.body);
  if (is_interrupted(edge)) return;
  const WaitingFacts around = ask_why_it_waits(job, facts.task, edge.service);
  for (const auto& [name, body] : {std::pair<const char*, const nlohmann::json&>{"job.json", around.job},
                                   {"pool.json", around.pool},
                                   {"nodes.json", around.nodes},
                                   {"preparation.json", around.preparation}}) {
    if (!body.is_null()) archive.add(name, body);
  }
  if (facts.task.state == "active") facts.waiting = reasons_for_waiting(around);
}

/// What lies on each of the task's nodes. What did not come is a line in `missing`.
void collect_nodes(CauseFacts& facts, std::vector<std::string>& missing, ArchiveDirectory& archive,
                   const Edge& edge) {
  const std::string& job = edge.request.job;
  auto subtasks = list_subtasks(job, facts.task, edge.service);
  if (!subtasks) {
    missing.push_back(subtasks.error().message);
    return;
  }
  facts.subtasks = std::move(*subtasks);
  if (const Answer list = edge.service.list(task_path(job, facts.task.id) + "/subtasksinfo"); list.good())
    archive.add("subtasks.json", list.body);
  for (const auto& subtask : facts.subtasks) {
    if (is_interrupted(edge)) return;
    CollectedNode node;
    if (!subtask.node.empty()) node = collect_node(subtask, archive, edge.service);
    facts.last_lines.push_back(std::move(node.last_line));
    missing.insert(missing.end(), node.missing.begin(), node.missing.end());
  }
}

}  // namespace

int diagnose(const Edge& edge) {
  const std::string& job = edge.request.job;
  CauseFacts facts;
  auto task = find_task(edge);
  if (is_interrupted(edge)) return kOwnFailure;
  if (!task) return edge.fail(task.error());
  facts.task = std::move(*task);
  // Who has nowhere to write it to hears that before all nodes were asked.
  auto file =
      AtomicFile::open(edge.request.output.empty() ? job + "-diagnose.tar.gz" : edge.request.output, 0600);
  if (!file) return edge.fail(file.error());
  auto archive = ArchiveDirectory::make(edge.environment, job + "-diagnose");
  if (!archive) return edge.fail(archive.error());

  std::vector<std::string> missing;
  collect_account(facts, *archive, edge);
  if (!is_interrupted(edge)) collect_nodes(facts, missing, *archive, edge);
  if (is_interrupted(edge)) return kOwnFailure;
  if (const Answer report = fetch_report(job, facts.task, edge.service, facts.report); report.silent())
    missing.push_back(report.error.message);
  const std::string cause = cause_of(facts);
  std::string text = cause + "\n";
  for (const auto& line : missing) text += "not collected: " + line + "\n";
  archive->add("CAUSE.txt", text);

  if (is_interrupted(edge)) return kOwnFailure;
  const auto packed = archive->pack(*file, edge.environment, edge.interruption);
  if (is_interrupted(edge)) return kOwnFailure;
  if (!packed) return edge.fail(packed.error());
  edge.out << cause << "\n" << std::flush;
  for (const auto& line : missing) edge.messages.warning("not collected: " + line);
  edge.messages.note(fmt::format("all of it: {}", file->path()));
  return 0;
}

}  // namespace shipyard::batch
