#include <fmt/format.h>

#include "batch/client/submit.hpp"
#include "batch/client/task_view.hpp"
#include "batch/client/verbs.hpp"

namespace shipyard::batch {

int terminate(const Edge& edge) {
  const auto& request = edge.request;
  if (!request.task.empty()) {
    if (request.delete_job) return edge.fail(input_error("--delete is for whole jobs", "without a task"));
    const Answer answer = edge.service.send({"POST", task_path(request.job, request.task) + "/terminate"});
    if (answer.is("TaskCompleted")) {
      edge.messages.note(fmt::format("task '{}' is completed already", request.task));
      return 0;
    }
    if (!answer.good()) return edge.fail(answer.error);
    edge.messages.note(fmt::format("Batch terminates task '{}' of job '{}'", request.task, request.job));
    return 0;
  }
  if (request.delete_job) {
    const Answer answer = edge.service.send({"DELETE", job_path(request.job)});
    // Gone, or on its way: by an earlier try of ours, or somebody else's.
    if (!answer.good() && !answer.is("JobBeingDeleted") &&
        !(answer.is("JobNotFound") && answer.may_have_been_done))
      return edge.fail(answer.error);
    edge.messages.note(fmt::format("Batch ends and deletes job '{}'", request.job));
    return 0;
  }
  auto terminated = terminate_job(request.job, edge.service);
  if (!terminated) return edge.fail(terminated.error());
  edge.messages.note(*terminated ? fmt::format("Batch terminates job '{}'", request.job)
                                 : fmt::format("job '{}' has ended already", request.job));
  return 0;
}

}  // namespace shipyard::batch
