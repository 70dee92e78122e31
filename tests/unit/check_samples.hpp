#pragma once

#include <cerrno>
#include <string>

#include "launcher/check/node_check.hpp"

namespace shipyard::launcher::check {

inline constexpr std::uint64_t kMiB = 1 << 20;
inline constexpr std::uint64_t kGiB = 1ULL << 30U;

/// A node that nothing is wrong with.
inline NodeFacts fine_facts() {
  NodeFacts facts;
  facts.shipyard = "0.1.0";
  facts.name = "node";
  facts.mpi = {"/usr/bin/mpirun", "Open MPI 4.1.4", "/usr/bin/orted", {}};
  facts.cores = 30;
  facts.hardware_threads = 60;
  facts.memory_bytes = 448 * kGiB;
  facts.shared_memory_bytes = facts.shared_memory_free = kGiB;
  facts.single_copy = true;
  facts.program = 0;
  facts.connect_back = ConnectBack{{}, 200, 50};
  return facts;
}

/// So many such nodes, 10.0.0.4 first, which is the primary.
inline NodeCheck fine_check(int nodes) {
  NodeCheck check;
  check.shipyard = "0.1.0";
  check.mpi = {mpi::Dialect::kOpenMpi4, 4, 1, "4.1.4"};
  check.asked.mpirun = "/usr/bin/mpirun";
  check.asked.daemon = "/usr/bin/orted";
  check.asked.program = "/opt/app";
  check.asked.working_directory = "/work";
  check.asked.rank_program = "/usr/libexec/shipyard/shipyard-rank";
  check.asked.report_address = "10.0.0.4";
  for (int i = 0; i < nodes; ++i) {
    check.nodes.push_back(
        {.host = "10.0." + std::to_string((i + 4) / 256) + "." + std::to_string((i + 4) % 256),
         .ranks = 30,
         .is_this = i == 0,
         .facts = fine_facts()});
  }
  return check;
}

inline void fail(CheckedNode& node, SshFailure::Kind kind, std::string words) {
  node.facts.reset();
  node.failure = {kind, std::move(words)};
}

}  // namespace shipyard::launcher::check
