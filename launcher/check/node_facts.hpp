#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "launcher/topology/infiniband.hpp"

/// `--check`: what each node says of itself, what is wrong with that, and how it is shown.
namespace shipyard::launcher::check {

/// What a node is asked, on the standard input of `shipyard-mpirun --node-facts` there: the token is a secret
/// and has no place on a command line. Paths are absolute.
struct FactsRequest {
  std::string mpirun = {};             ///< the primary's
  std::string daemon = {};             ///< what mpirun starts on a node: "/usr/bin/orted"
  std::string mpi_env = {};            ///< --mpi-env's script; empty: none
  std::string program = {};            ///< empty: there is none to look for
  std::string working_directory = {};  ///< of the ranks
  std::string rank_program = {};       ///< shipyard-rank
  std::string report_address = {};     ///< where ranks would report to
  int report_port = 0;
  std::string token = {};  ///< shown there
  int limit_seconds = 15;  ///< the node gives up by itself after so long

  bool operator==(const FactsRequest&) const = default;
};

/// The installed MPI, as far as a node other than the primary needs it.
struct MpiFacts {
  std::string mpirun = {};   ///< empty: none was found
  std::string version = {};  ///< "Open MPI 4.1.4"; empty: not known
  std::string daemon = {};   ///< empty: none was found
  std::string problem = {};  ///< why something of this is not known

  bool operator==(const MpiFacts&) const = default;
};

/// The way back to the launcher, over TCP, as the ranks' reports go.
struct ConnectBack {
  std::string problem = {};         ///< "connection refused"; empty: it works
  std::int64_t round_trip_us = 0;   ///< the shortest of some
  std::int64_t clock_ahead_us = 0;  ///< this node's clock against the launcher's, ± half the round trip

  bool operator==(const ConnectBack&) const = default;
};

/// What a node says of itself, as a job's ranks would find it: seen from inside an ssh login.
struct NodeFacts {
  std::string shipyard = {};  ///< the version of its shipyard-mpirun
  std::string name = {};      ///< its own name for itself
  MpiFacts mpi = {};
  int cores = 0;                                   ///< that may be used: cpuset and affinity
  int hardware_threads = 0;                        ///< of these
  std::optional<double> cpu_quota = {};            ///< CPUs' worth of time; nullopt: no limit
  std::uint64_t memory_bytes = 0;                  ///< the machine's
  std::optional<std::uint64_t> memory_limit = {};  ///< the cgroup's; nullopt: none
  std::uint64_t shared_memory_bytes = 0;           ///< size of /dev/shm
  std::uint64_t shared_memory_free = 0;
  std::optional<std::uint64_t> locked_memory = {};  ///< RLIMIT_MEMLOCK; nullopt: no limit
  bool single_copy = false;                         ///< process_vm_readv is allowed
  std::vector<topology::InfiniBandLink> infiniband = {};
  std::optional<int> program = {};               ///< errno of starting it, 0: it is there; nullopt: not asked
  int working_directory = 0;                     ///< errno of entering it
  int rank_program = 0;                          ///< errno of starting it
  std::optional<ConnectBack> connect_back = {};  ///< nullopt: not asked

  bool operator==(const NodeFacts&) const = default;
};

/// One line, with its end.
[[nodiscard]] std::string format_request(const FactsRequest& request);
/// Fails on anything else than format_request writes.
Result<FactsRequest> parse_request(std::string_view text);

[[nodiscard]] nlohmann::ordered_json facts_as_json(const NodeFacts& facts);
/// A line that begins with kFactsMark, with its end: whatever a login shell prints around it does no harm.
[[nodiscard]] std::string format_facts(const NodeFacts& facts);
/// Of a node's whole output the last line with the mark. Text from outside: bounded in size, each field in
/// type and range, and an error that names the field or shows the place. Fields that are not known are passed
/// over.
Result<NodeFacts> parse_facts(std::string_view output);

inline constexpr std::string_view kFactsMark = "shipyard-node-facts ";
/// The longest request, and the longest answer, in bytes.
inline constexpr std::size_t kLongestText = 64 * 1024;

}  // namespace shipyard::launcher::check
