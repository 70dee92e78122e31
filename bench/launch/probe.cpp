#include "bench/launch/probe.hpp"

#include <limits.h>
#include <mpi.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/output.hpp"
#include "bench/harness/mpi_text.hpp"
#include "bench/launch/machine.hpp"
#include "bench/launch/probe_line.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t nanoseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

std::uint64_t hash(std::string_view text) {
  std::uint64_t result = 14695981039346656037u;  // FNV-1a
  for (const char c : text) result = (result ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return result;
}

/// What each rank tells rank 0: fixed size, so that one gather carries it.
struct Told {
  std::int64_t init = 0;
  std::int64_t message = 0;
  std::uint64_t machine = 0;
  std::uint64_t node = 0;
};

/// Its machine, and by what two nodes on one differ: containers by their host names, network namespaces by
/// their networks.
void say_where(Told& told, const std::string& machine) {
  utsname names{};
  uname(&names);
  std::array<char, PATH_MAX> network{};
  (void)!readlink("/proc/self/ns/net", network.data(), network.size() - 1);
  told.machine = hash(machine);
  told.node = hash(machine + "\n" + names.nodename + "\n" + network.data());
}

std::string library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  return library_name(text.data());
}

}  // namespace

int run_probe(Clock::time_point begin, int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const auto initialized = Clock::now();
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const std::int64_t sent = rank;
  std::int64_t received = -1;
  MPI_Sendrecv(&sent, 1, MPI_INT64_T, (rank + 1) % ranks, 0, &received, 1, MPI_INT64_T,
               (rank + ranks - 1) % ranks, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  const auto done = Clock::now();

  const std::string machine = boot_id();
  Told mine{.init = nanoseconds(initialized - begin), .message = nanoseconds(done - initialized)};
  say_where(mine, machine);
  std::vector<Told> told(rank == 0 ? static_cast<std::size_t>(ranks) : 0);
  MPI_Gather(&mine, sizeof mine, MPI_BYTE, told.data(), sizeof mine, MPI_BYTE, 0, MPI_COMM_WORLD);
  const std::string mpi_library = rank == 0 ? library() : std::string();

  const auto finalizing = Clock::now();
  MPI_Finalize();
  if (rank != 0) return 0;
  ProbeFacts facts{.machine = machine,
                   .main = nanoseconds(begin.time_since_epoch()),
                   .done = nanoseconds(done - begin),
                   .finalize = nanoseconds(Clock::now() - finalizing),
                   .ranks = ranks,
                   .mpi_library = mpi_library};
  std::set<std::uint64_t> machines;
  std::set<std::uint64_t> nodes;
  for (const Told& one : told) {
    facts.init = std::max(facts.init, one.init);
    facts.message = std::max(facts.message, one.message);
    machines.insert(one.machine);
    nodes.insert(one.node);
  }
  facts.machines = static_cast<int>(machines.size());
  facts.nodes = static_cast<int>(nodes.size());
  return write_all(STDOUT_FILENO, format_probe_line(facts)) == 0 ? 0 : 1;
}

}  // namespace shipyard::bench
