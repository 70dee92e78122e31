#pragma once

#include <string>

#include "batch/client/service.hpp"
#include "batch/client/task_view.hpp"

namespace shipyard::batch {

/// Asks job, pool, nodes and preparation tasks why a task waits. What does not answer is left out.
WaitingFacts ask_why_it_waits(const std::string& job, const TaskView& view, Service& service);

}  // namespace shipyard::batch
