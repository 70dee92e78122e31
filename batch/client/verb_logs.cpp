#include <fmt/format.h>

#include <ostream>

#include "batch/client/find_task.hpp"
#include "batch/client/follow.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {
namespace {

/// All that there is of a file by now.
Answer show(const std::string& path, const std::string& name, std::ostream& out, const Edge& edge) {
  GrowingFile file(path, out);
  Answer answer = file.pump(edge.service, true);
  if (answer.good() && !file.missing().empty())
    edge.messages.warning(fmt::format("there is no {} ({})", name, file.missing()));
  return answer;
}

}  // namespace

int show_logs(const Edge& edge) {
  const auto& request = edge.request;
  auto task = find_task(edge);
  if (!task) return edge.fail(task.error());
  if (request.node) {
    if (request.follow)
      return edge.fail(input_error("--follow shows the primary's output", "without --node"));
    auto subtasks = list_subtasks(request.job, *task, edge.service);
    if (!subtasks) return edge.fail(subtasks.error());
    auto subtask = find_subtask(*subtasks, *request.node);
    if (!subtask) return edge.fail(subtask.error());
    if (subtask->node.empty())
      return edge.fail(input_error(fmt::format("node {} of the task does not run yet", subtask->id)));
    for (const auto& [name, stream] :
         {std::pair<const char*, std::ostream*>{"stdout.txt", &edge.out}, {"stderr.txt", &edge.err}}) {
      const std::string path = node_file_path(subtask->pool, subtask->node, subtask->directory + "/" + name);
      if (const Answer answer = show(path, name, *stream, edge); !answer.good())
        return edge.fail(answer.error);
    }
    return 0;
  }
  if (request.follow) {
    auto end = follow_task(request.job, task->id, edge);
    if (!end) return edge.fail(end.error());
    return end->interrupted ? kOwnFailure : report_end(request.job, *end, edge);
  }
  if (task->state == "active") {
    edge.messages.note(
        fmt::format("task '{}' has not started: shipyard-submit status {}", task->id, request.job));
    return 0;
  }
  for (const auto& [name, stream] :
       {std::pair<const char*, std::ostream*>{"stdout.txt", &edge.out}, {"stderr.txt", &edge.err}}) {
    const Answer answer = show(task_file_path(request.job, task->id, name), name, *stream, edge);
    if (!answer.good()) return edge.fail(answer.error);
  }
  return 0;
}

}  // namespace shipyard::batch
