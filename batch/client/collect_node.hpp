#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "batch/client/archive_directory.hpp"
#include "batch/client/service.hpp"
#include "batch/client/task_view.hpp"

namespace shipyard::batch {

/// What came of a node.
struct CollectedNode {
  std::string last_line;             ///< of its standard error; "" where it is empty, or did not come
  std::vector<std::string> missing;  ///< what did not come, and why: "node 2 (tvm-2), stdout.txt: …"
};

/// Into the archive's directory `node-ID-NAME`: what a (sub)task has left on its node that says how it went,
/// Batch's own records and ours; of each file the end, and none of the user's results. A node that is silent
/// is not asked again. An interruption ends it.
CollectedNode collect_node(const TaskView& subtask, ArchiveDirectory& archive, Service& service);

}  // namespace shipyard::batch
