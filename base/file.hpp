#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace shipyard {

/// The whole file. `path` "-" is not special. Fails above `max_bytes`, so that a device or a wrong file
/// cannot fill the memory.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = 64 << 20);

/// A file that takes its place when it is whole: what is written to `fd()` goes to a temporary file beside
/// `path`, which commit() renames over it. A reader sees the old content or the new one; without a commit the
/// old one stays, and the temporary file goes with the object. Nothing is synced. As an editor does, it
/// follows a symbolic link at `path`, and an existing file keeps its owner and group where the system lets
/// us. A device, a pipe or /dev/stdout is written to as it is.
class AtomicFile {
 public:
  /// Fails where `path` is a directory, or no file can be made beside it: "cannot write PATH: …".
  static Result<AtomicFile> open(const std::string& path, mode_t mode);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  /// Open for writing, the object's own.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Once, at the end; fails where the system has lost something of it.
  Status commit();

 private:
  AtomicFile(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  FileDescriptor fd_;
  std::string target_;     ///< where the links at `path_` lead
  std::string temporary_;  ///< empty: it is written to as it is
};

/// The whole of an AtomicFile.
Status write_file_atomically(const std::string& path, std::string_view content, mode_t mode);

}  // namespace shipyard
