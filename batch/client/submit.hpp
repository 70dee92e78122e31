#pragma once

#include <optional>

#include "batch/client/edge.hpp"
#include "batch/client/requests.hpp"

namespace shipyard::batch {

/// What became of a submission.
struct Submitted {
  Status status = Ok{};
  bool existed = false;  ///< the job was there before
  bool undone = false;   ///< Batch has refused it, and nothing of it is left that runs
};

/// Makes the job and its tasks; what is there already with the same content (an earlier client's, or a
/// request whose answer was lost) counts as made. Nothing is made twice: ids are chosen before, and Batch
/// refuses a second one (409 JobExists, TaskExists). A job whose task Batch does not take is terminated.
Submitted submit(const Submission& submission, Service& service);

/// The job completes when its tasks have: from now on, or at once where they have already.
Status complete_with_tasks(const Submission& submission, Service& service);

/// Ends the job with all its tasks. True where there was something to end.
Result<bool> terminate_job(const std::string& job, Service& service);

}  // namespace shipyard::batch
