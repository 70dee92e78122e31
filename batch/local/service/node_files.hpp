#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/file_descriptor.hpp"
#include "batch/local/service/batch_time.hpp"

namespace shipyard::local {

/// What lies below a directory of this machine, for somebody who is let see that and nothing else: neither
/// ".." nor a symbolic link leads out, nor anywhere (a task may have put one there); devices and pipes are no
/// files.
struct NodeFile {
  std::string path;  ///< below the directory, with slashes: wd/out.txt
  bool is_directory = false;
  std::uint64_t size = 0;
  Time created;
  Time modified;
  unsigned mode = 0;  ///< st_mode
};

struct OpenNodeFile {
  NodeFile facts;
  std::shared_ptr<FileDescriptor> fd;  ///< to be read from; null for a directory
};

enum class FileFault { kNotFound, kNotReadable };

/// `path` below `directory`; slashes at its ends do not count.
[[nodiscard]] std::variant<OpenNodeFile, FileFault> open_node_file(const std::string& directory,
                                                                   const std::string& path);

/// The entries of `directory`/`path`, sorted by path, with those of its directories where `recursive`; at
/// most 100,000. Their paths are below `directory`. Nothing where there is no such directory.
[[nodiscard]] std::optional<std::vector<NodeFile>> list_node_files(const std::string& directory,
                                                                   const std::string& path, bool recursive);

}  // namespace shipyard::local
