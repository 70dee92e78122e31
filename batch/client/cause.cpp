#include "batch/client/cause.hpp"

#include <fmt/format.h>

#include "batch/client/one_line.hpp"

namespace shipyard::batch {

std::string cause_of(const CauseFacts& facts) {
  const TaskView& task = facts.task;
  const auto outcome = part_at(facts.report, "outcome");
  if (const std::string message = text_at(outcome, "message"); !message.empty())
    return fmt::format("shipyard-mpirun: {}: {}", one_line(text_at(outcome, "name")),
                       one_line(message, 1000));

  for (std::size_t i = 1; i < facts.subtasks.size(); ++i) {
    const TaskView& subtask = facts.subtasks[i];
    const bool failed = (subtask.exit_code && *subtask.exit_code != 0) || subtask.failure;
    if (!failed) continue;
    std::string text = fmt::format("node {} ({}): its coordination command failed", subtask.id, subtask.node);
    if (subtask.exit_code) text += fmt::format(" with exit status {}", *subtask.exit_code);
    const std::string last = i < facts.last_lines.size() ? facts.last_lines[i] : "";
    if (!last.empty()) return text + ": " + last;
    return subtask.failure ? text + ": " + describe(*subtask.failure) : text;
  }

  if (task.state == "active") {
    if (facts.waiting.empty()) return "the task waits for nodes that are busy";
    return "the task waits: " + facts.waiting[0];
  }
  if (!task.completed()) return fmt::format("the task is {}", task.state);
  if (task.exit_code == 0 && !task.failure) return "nothing failed: the task ended with 0";
  std::string text = task.exit_code ? fmt::format("the task ended with exit status {}", *task.exit_code)
                                    : std::string("the task ended without an exit status");
  if (task.failure && (!task.exit_code || task.failure->code != "FailureExitCode"))
    return text + ": " + describe(*task.failure);
  if (!facts.last_lines.empty() && !facts.last_lines[0].empty())
    return text + "; its last words: " + facts.last_lines[0];
  return text;
}

}  // namespace shipyard::batch
