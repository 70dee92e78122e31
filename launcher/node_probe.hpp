#pragma once

#include <cstdint>
#include <optional>

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

/// RLIMIT_MEMLOCK in bytes; nullopt: no limit.
[[nodiscard]] std::optional<std::uint64_t> locked_memory();

/// Whether a program here can open RDMA devices (/dev/infiniband/uverbsN). A container sees those of its node
/// in /sys, whether it was given them or not.
[[nodiscard]] bool can_open_rdma_devices();

}  // namespace shipyard::launcher
