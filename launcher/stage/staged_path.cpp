#include "launcher/stage/staged_path.hpp"

#include "launcher/stage/place.hpp"

namespace shipyard::launcher::stage {
namespace {

/// `path` with `from` at its beginning replaced by `to`; nullopt where it does not begin so.
std::optional<std::string> moved(const std::string& path, const std::string& from, const std::string& to) {
  if (path == from) return to;
  if (!lies_below(path, from)) return std::nullopt;
  return absolute_path(path.substr(from == "/" ? 1 : from.size() + 1), to);
}

}  // namespace

std::vector<StagedPath> staged_paths(const LaunchOptions& options, const std::string& started_in,
                                     const std::string& working_directory) {
  std::vector<StagedPath> result;
  for (const auto& wish : options.stage) {
    StagedPath path{absolute_path(wish.directory, started_in), {}};
    if (!wish.target.empty()) {
      path.target = absolute_path(wish.target, working_directory);
    } else {
      path.target = options.wdir.empty() ? absolute_path(wish.directory, working_directory) : path.directory;
    }
    result.push_back(std::move(path));
  }
  return result;
}

std::string path_for_ranks(const std::string& path, const std::vector<StagedPath>& staged) {
  for (const auto& one : staged) {
    if (auto there = moved(path, one.directory, one.target)) return *there;
  }
  return path;
}

std::optional<std::string> path_before_staging(const std::string& path,
                                               const std::vector<StagedPath>& staged) {
  for (const auto& one : staged) {
    if (auto here = moved(path, one.target, one.directory)) return here;
  }
  return std::nullopt;
}

}  // namespace shipyard::launcher::stage
