#include "launcher/node_probe.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.hpp"

namespace shipyard::launcher {

bool single_copy_allowed() {
  char source = 'x';
  char target = 0;
  iovec from{&source, 1};
  iovec to{&target, 1};
  if (::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) != 1) return false;
  auto scope = read_file("/proc/sys/kernel/yama/ptrace_scope", 64);
  return !scope || scope->starts_with("0") || scope->starts_with("1");
}

SharedMemory shared_memory() {
  struct statvfs info {};
  if (::statvfs("/dev/shm", &info) != 0) return {};
  return {static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize,
          static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize};
}

std::optional<std::uint64_t> locked_memory() {
  rlimit locked{};
  if (::getrlimit(RLIMIT_MEMLOCK, &locked) != 0 || locked.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return locked.rlim_cur;
}

bool can_open_rdma_devices() {
  std::error_code failure;
  for (std::filesystem::directory_iterator entry("/dev/infiniband", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (entry->path().filename().string().starts_with("uverbs")) return true;
  }
  return false;
}

}  // namespace shipyard::launcher
