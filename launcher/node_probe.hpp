#pragma once

#include <cstdint>

namespace shipyard::launcher {

// Questions about this machine that cost next to nothing; asked before a plan, and on every node by --check.

/// process_vm_readv on ourselves: a seccomp filter refuses it even there. Yama's scopes 2 and 3 refuse it
/// between ranks (Documentation/admin-guide/LSM/Yama.rst); Open MPI opens scope 1 by itself (PR_SET_PTRACER).
[[nodiscard]] bool single_copy_allowed();

/// Of /dev/shm, in bytes; both 0 where there is none.
struct SharedMemory {
  std::uint64_t size = 0;
  std::uint64_t free = 0;
};
[[nodiscard]] SharedMemory shared_memory();

/// Needs the OpenFabrics class directory only, no library: containers often lack that.
[[nodiscard]] bool has_infiniband();

}  // namespace shipyard::launcher
