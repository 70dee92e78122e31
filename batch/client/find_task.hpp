#pragma once

#include <string>
#include <vector>

#include "batch/client/edge.hpp"
#include "batch/client/task_view.hpp"

namespace shipyard::batch {

/// The task that the command line names, or the job's only one.
Result<TaskView> find_task(const Edge& edge);

/// The subtasks of a multi-instance task, the primary's (id 0), which Batch leaves out of its list, first.
Result<std::vector<TaskView>> list_subtasks(const std::string& job, const TaskView& task, Service& service);

/// One of them by its number or its node's name.
Result<TaskView> find_subtask(const std::vector<TaskView>& subtasks, const std::string& word);

}  // namespace shipyard::batch
