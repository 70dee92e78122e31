// A rank for the placement tests: writes "RANK CPU CPU …" (operating-system indexes it may run on) or "RANK
// all" into the pipe $RECORDED_AFFINITY/answers. Not to standard output, in which mpirun mixes up the lines
// of many ranks.

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

int main() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const char* directory = std::getenv("RECORDED_AFFINITY");
  static cpu_set_t mask;
  if (rank == nullptr || directory == nullptr || sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  std::string line = rank;
  if (CPU_COUNT(&mask) == CPU_SETSIZE) {
    line += " all";
  } else {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &mask)) line += " " + std::to_string(cpu);
    }
  }
  line += "\n";
  // Without a reader this fails, where otherwise it would wait for one.
  const int pipe = open((std::string(directory) + "/answers").c_str(), O_WRONLY | O_NONBLOCK);
  if (pipe < 0 || fcntl(pipe, F_SETFL, 0) != 0) return 1;
  // Up to PIPE_BUF bytes are written in one piece (pipe(7)).
  if (line.size() > PIPE_BUF) return 1;
  return write(pipe, line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : 1;
}
