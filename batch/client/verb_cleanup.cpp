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
namespace {

/// In every case: what is left over goes on waiting for its nodes, and holds them then. False where nobody
/// knows whether it is gone.
bool remove_job(const std::string& job, const Edge& edge) {
  // Nothing says that the deletion of a job ends what runs.
  const auto ended = terminate_job(job, edge.service);
  if (!ended && ended.error().code != Error::Code::kInput) return false;
  const Answer answer = edge.service.send({"DELETE", job_path(job)});
  return answer.good() || answer.status == 404 || answer.is("JobBeingDeleted");
}

/// Follows the task over `idle` nodes to its end. `missed`: all nodes of the pool.
int run_cleanup(const Submission& submission, int idle, std::set<std::string> missed, const Edge& edge) {
  const std::string& job = submission.job_id;
  const std::string& pool = edge.request.pool;
  if (edge.interruption.signal() != 0) return kOwnFailure;
  if (auto closed = complete_with_tasks(submission, edge.service); !closed)
    edge.messages.warning(closed.error().message);
  // A node that was idle may be busy by now: the task would wait for it for ever.
  Following following;
  following.seen = TaskView{};
  following.start_within = edge.request.give_up;
  const auto end = follow_task(job, "cleanup", edge, following);
  if (end && end->interrupted) return kOwnFailure;
  int status = 1;
  if (!end) {
    status = edge.fail(end.error());
  } else if (end->not_started) {
    edge.messages.warning(fmt::format("the nodes did not become free together within {} s (--give-up)",
                                      edge.request.give_up.count()));
  } else if (const auto subtasks = list_subtasks(job, end->view, edge.service); !subtasks) {
    status = edge.fail(subtasks.error());
  } else {
    for (const auto& subtask : *subtasks) {
      if (subtask.failure) {
        edge.messages.warning(fmt::format("node {}: {}", subtask.node, describe(*subtask.failure)));
      } else {
        missed.erase(subtask.node);
      }
    }
  }
  if (edge.interruption.signal() != 0) return kOwnFailure;
  if (missed.empty()) {
    edge.messages.note(fmt::format("our containers are gone from the {} node{} of pool '{}'", idle,
                                   idle == 1 ? "" : "s", pool));
    return 0;
  }
  edge.messages.error({Error::Code::kSystem,
                       fmt::format("not reached: {}", fmt::join(missed, ", ")),
                       "again when they are idle",
                       {}});
  return status;
}

}  // namespace

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
  const Submitted made = submit(submission, edge.service);
  int status = kOwnFailure;
  if (made.status)
    status = run_cleanup(submission, idle, std::move(missed), edge);
  else if (edge.interruption.signal() == 0)
    status = edge.fail(made.status.error());
  const bool gone = remove_job(job, edge);
  if (!gone && !made.undone)
    edge.messages.warning(
        fmt::format("job '{0}' may still be there: shipyard-submit terminate --delete {0}", job));
  return status;
}

}  // namespace shipyard::batch
