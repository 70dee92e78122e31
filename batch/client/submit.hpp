#pragma once

#include <optional>

#include "batch/client/edge.hpp"
#include "batch/client/requests.hpp"

namespace shipyard::batch {

/// Makes the job and its tasks; what is there already with the same content (an earlier client's, or a
/// request whose answer was lost) counts as made. Nothing is made twice: ids are chosen before, and Batch
/// refuses a second one (409 JobExists, TaskExists). False where the job was there before.
Result<bool> submit(const Submission& submission, Service& service);

/// The job completes when its tasks have: from now on, or at once where they have already.
Status complete_with_tasks(const std::string& job, Service& service);

/// Ends the job with all its tasks. True where there was something to end.
Result<bool> terminate_job(const std::string& job, Service& service);

}  // namespace shipyard::batch
