#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launcher/options.hpp"

namespace shipyard::launcher::stage {

/// One --stage. Both are absolute, without "." and "..".
struct StagedPath {
  std::string directory;  ///< here, before the start
  std::string target;     ///< on every node, at the start

  bool operator==(const StagedPath&) const = default;
};

/// Relative directories are seen from where the launcher was started, relative targets from where the ranks
/// run. Without a target a directory goes to its own path; but where Batch has the ranks run elsewhere (its
/// task directory is on the primary alone) a relative one goes there, so that it means the same to all ranks.
[[nodiscard]] std::vector<StagedPath> staged_paths(const LaunchOptions& options,
                                                   const std::string& started_in,
                                                   const std::string& working_directory);

/// `path` (absolute) as it is called on every node at the start: below the target, for one that is staged.
[[nodiscard]] std::string path_for_ranks(const std::string& path, const std::vector<StagedPath>& staged);

/// Where `path`, as the ranks will call it, is now; nullopt: it is not in a target.
[[nodiscard]] std::optional<std::string> path_before_staging(const std::string& path,
                                                             const std::vector<StagedPath>& staged);

}  // namespace shipyard::launcher::stage
