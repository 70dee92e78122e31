#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "batch/client/task_view.hpp"

namespace shipyard::batch {

/// What is known of a task that did not do what it should.
struct CauseFacts {
  TaskView task;
  std::vector<TaskView> subtasks;       ///< the primary's first
  std::vector<std::string> last_lines;  ///< of each subtask's standard error; "" where unknown
  nlohmann::json report = nullptr;      ///< the launcher's
  std::vector<std::string> waiting;     ///< reasons_for_waiting
};

/// The cause in one line: the launcher's own words where it has reported, else the node whose coordination
/// command failed, else Batch's failureInfo, else why it waits.
[[nodiscard]] std::string cause_of(const CauseFacts& facts);

}  // namespace shipyard::batch
