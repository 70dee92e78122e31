#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.hpp"

namespace shipyard::local {

/// `directory` (relative, as Batch makes it: workitems/JOB/job-1/TASK) below the node's directory, with `wd`
/// and `certs` in it. Any user of the node may write there, as on Batch's nodes.
Status make_task_directory(const std::string& node_directory, const std::string& directory);

/// Batch's ResourceFile objects into `target`. A httpUrl is fetched; one of file:// and storage containers
/// are read below `storage`, a directory that stands for the account's storage: autoStorageContainerName C is
/// STORAGE/C, storageContainerUrl …/C as well. Fails on the first that is not there, and on a path that leads
/// out of either.
Status bring_resource_files(const std::string& storage, const nlohmann::json& files,
                            const std::string& target, const std::function<bool()>& ended);

}  // namespace shipyard::local
