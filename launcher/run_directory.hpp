#pragma once

#include <map>
#include <string>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace shipyard::launcher {

/// A private directory (0700) that is gone when the object is.
class RunDirectory {
 public:
  /// Fails where something of that name is there already. Those that a killed launcher of this user on this
  /// machine has left beside it are removed: nobody holds their lock (flock(2)). Each file is written
  /// atomically, for its owner alone (0600).
  static Result<RunDirectory> make(const std::string& path, const std::map<std::string, std::string>& files);

  /// More files, or others in their place, in the same way.
  [[nodiscard]] static Status write(const std::map<std::string, std::string>& files);

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

 private:
  RunDirectory(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor lock_;
};

}  // namespace shipyard::launcher
