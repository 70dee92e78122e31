// A rank for the placement tests: prints "binding RANK CPU CPU …", the operating-system indexes it may run on, or
// "binding RANK all".

#include <sched.h>

#include <cstdlib>
#include <iostream>
#include <string>

int main() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  static cpu_set_t mask;
  if (rank == nullptr || sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  std::string line = std::string("binding ") + rank;
  if (CPU_COUNT(&mask) == CPU_SETSIZE) {
    line += " all";
  } else {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &mask)) line += " " + std::to_string(cpu);
    }
  }
  std::cout << line + "\n" << std::flush;
  return 0;
}
