// Preloaded into mpirun and what it starts: an affinity that a process sets is written down in
// $RECORDED_AFFINITY/PID instead, and is what it gets to see from then on, also after exec. So a real mpirun
// can map and bind on a topology with CPUs that this machine does not have (MCA parameter
// hwloc_base_topo_file). Children do not inherit it: mpirun's own affinity, which hwloc changes and restores
// while it looks at the real machine, is none of the ranks'.

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void record_path(char* buffer, std::size_t size, long pid) {
  const char* directory = std::getenv("RECORDED_AFFINITY");
  std::snprintf(buffer, size, "%s/%ld", directory != nullptr ? directory : ".", pid);
}

}  // namespace

extern "C" int sched_setaffinity(pid_t pid, std::size_t size, const cpu_set_t* mask) noexcept {
  char path[512];
  record_path(path, sizeof path, pid != 0 ? pid : getpid());
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) return -1;
  std::fwrite(mask, 1, size, file);
  std::fclose(file);
  return 0;
}

extern "C" int sched_getaffinity(pid_t pid, std::size_t size, cpu_set_t* mask) noexcept {
  std::memset(mask, 0, size);
  char path[512];
  record_path(path, sizeof path, pid != 0 ? pid : getpid());
  if (std::FILE* file = std::fopen(path, "r")) {
    const bool complete = std::fread(mask, 1, size, file) > 0;
    std::fclose(file);
    return complete ? 0 : -1;
  }
  std::memset(mask, 0xff, size);
  return 0;
}
