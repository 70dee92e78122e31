#pragma once

#include <fstream>
#include <string>

namespace shipyard::bench {

/// What the processes of one machine, and of all containers on it, have in common until it starts again, the
/// clock among it. "unknown" where it cannot be read.
inline std::string boot_id() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id.empty() ? "unknown" : id;
}

}  // namespace shipyard::bench
