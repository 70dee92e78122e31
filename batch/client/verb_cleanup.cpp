#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "batch/client/find_task.hpp"
#include "batch/client/follow.hpp"
#include "batch/client/new_job_id.hpp"
#include "batch/client/requests.hpp"
#include "batch/client/submit.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {

int clean_up(const Edge& edge) {
  const std::string& pool = edge.request.pool;
  const Answer shape = edge.service.get(pool_path(pool));
  if (!shape.good()) return edge.fail(shape.error);
  if (starts_containers(shape.body))
    return edge.fail(input_error(fmt::format(
        "pool '{}' is native (containerConfiguration): Batch itself starts the containers there, and "
        "removes them",
        pool)));
  if (const auto faults = faults_of_pool(shape.body); !faults.empty())
    return edge.fail(input_error(fmt::format("pool '{}': {}", pool, faults[0])));
  const Answer nodes = edge.service.list(pool_path(pool) + "/nodes");
  if (!nodes.good()) return edge.fail(nodes.error);
  // A task over busy nodes would wait for them, and over broken ones for ever.
  std::set<std::string> missed;
  int idle = 0;
  for (const auto& node : nodes.body) {
    const std::string state = text_at(node, "state");
    const std::string id = text_at(node, "id");
    if (state == "idle" && text_at(node, "schedulingState") != "disabled") {
      ++idle;
      missed.insert(id);
    } else {
      missed.insert(id);
      edge.messages.warning(fmt::format("node {} is {}: not cleaned up", id, state));
    }
  }
  if (nodes.body.empty()) {
    edge.messages.note(fmt::format("pool '{}' has no nodes", pool));
    return 0;
  }
  if (idle == 0) return edge.fail(input_error(fmt::format("no node of pool '{}' is idle", pool)));

  const std::string job = new_job_id("cleanup");
  const Submission submission = plan_cleanup(job, pool, idle);
  if (auto made = submit(submission, edge.service); !made.status) return edge.fail(made.status.error());
  if (auto done = complete_with_tasks(submission, edge.service); !done)
    edge.messages.warning(done.error().message);
  auto end = follow_task(job, "cleanup", edge);
  int status = 0;
  if (!end) {
    status = edge.fail(end.error());
  } else if (!end->interrupted) {
    auto subtasks = list_subtasks(job, end->view, edge.service);
    if (!subtasks) return edge.fail(subtasks.error());
    for (const auto& subtask : *subtasks) {
      if (subtask.failure) {
        edge.messages.warning(fmt::format("node {}: {}", subtask.node, describe(*subtask.failure)));
      } else {
        missed.erase(subtask.node);
      }
    }
    if (missed.empty()) {
      edge.messages.note(fmt::format("our containers are gone from the {} node{} of pool '{}'", idle,
                                     idle == 1 ? "" : "s", pool));
    } else {
      edge.messages.error({Error::Code::kSystem,
                           fmt::format("not reached: {}", fmt::join(missed, ", ")),
                           "again when they are idle",
                           {}});
      status = 1;
    }
  }
  // A job that is left over is one more in the account's quota.
  (void)edge.service.send({"DELETE", job_path(job)});
  return status;
}

}  // namespace shipyard::batch
