#pragma once

#include <map>
#include <string>

#include "base/result.hpp"

namespace shipyard::launcher {

/// A private directory (0700) that is gone when the object is.
class RunDirectory {
 public:
  /// Fails where something of that name is there already. Each file is written atomically, for its owner
  /// alone (0600).
  static Result<RunDirectory> make(const std::string& path, const std::map<std::string, std::string>& files);

  /// More files, or others in their place, in the same way.
  [[nodiscard]] static Status write(const std::map<std::string, std::string>& files);

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

 private:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace shipyard::launcher
