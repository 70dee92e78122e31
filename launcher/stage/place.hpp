#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace shipyard::launcher::stage {

/// A line of /proc/PID/mountinfo (proc(5)), what of it tells file systems apart.
struct Mount {
  std::string root;    ///< the directory of the file system that is mounted
  std::string point;   ///< where
  std::string type;    ///< "nfs4", "ext4", "fuse.blobfuse2"
  std::string source;  ///< "10.0.0.4:/export", "/dev/sda1"

  bool operator==(const Mount&) const = default;
};

/// The mount that an absolute path without links lies on; an empty `point` where the text names none. A later
/// line of the same place hides an earlier one.
[[nodiscard]] Mount mount_of(std::string_view mountinfo, std::string_view path);

/// `path` as it is seen from `directory` (absolute), without ".", ".." and a slash at its end; nothing is
/// looked up.
[[nodiscard]] std::string absolute_path(const std::string& path, const std::string& directory);

/// Whether `path` is in `directory` or deeper, by their names alone; a directory is not below itself.
[[nodiscard]] bool lies_below(std::string_view path, std::string_view directory);

/// /proc/sys/kernel/random/boot_id: one machine, as long as it is up; empty where it cannot be read.
[[nodiscard]] const std::string& boot_id();

/// Where a directory lies, so that two nodes can tell whether they see the same one.
struct Place {
  std::string boot = {};    ///< boot_id
  std::string type = {};    ///< the file system's
  std::string source = {};  ///< what is mounted
  std::string path = {};    ///< within the file system
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool operator==(const Place&) const = default;
};

/// Of a directory that is there.
Result<Place> place_of(const std::string& directory);

/// Whether what one node writes in `a` is there in `b` on the other: the same directory of one machine (of
/// two containers there, say), or the same path of a network file system with the same source. Of a file
/// system whose type is not known this is not believed: then a copy is made, which is right in any case.
[[nodiscard]] bool is_same_place(const Place& a, const Place& b);

/// Whether one is within the other, both known to be on one file system; `below` is what of the path of `a`
/// is not there.
[[nodiscard]] bool is_nested(const Place& a, const std::string& below, const Place& b);

}  // namespace shipyard::launcher::stage
