#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "batch/client/archive_directory.hpp"
#include "batch/client/service.hpp"
#include "batch/client/task_view.hpp"

namespace shipyard::batch {

/// Into the archive's directory `node-ID-NAME`: what a (sub)task has left on its node that says how it went,
/// Batch's own records and ours; of each file the end, and none of the user's results. Gives the last line of
/// its standard error. Where nothing comes, since the node is gone for example, `missing` gets a line.
std::string collect_node(const TaskView& subtask, const ArchiveDirectory& archive,
                         std::vector<std::string>& missing, Service& service);

/// The last line that is not empty, at most 300 bytes, control characters as blanks.
[[nodiscard]] std::string last_line(std::string_view text);

}  // namespace shipyard::batch
