#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launcher/check/node_check.hpp"
#include "launcher/outcome.hpp"

namespace shipyard::launcher::check {

/// What a finding is about, in the order in which a cause is looked for: what comes first explains what comes
/// after.
enum class Aspect {
  kAnswer,
  kShipyard,
  kMpi,
  kRank,
  kProgram,
  kDirectory,
  kConnectBack,
  kSharedMemory,
  kCores,
  kMemory,
  kLockedMemory,
  kSingleCopy,
  kInfiniBand,
  kClock,
};

enum class Severity {
  kDifference,  ///< the job would run, perhaps not as well as it could
  kError,       ///< the job would fail
};

/// Something about one node or several, with its remedy.
struct Finding {
  Severity severity = Severity::kDifference;
  Aspect aspect = Aspect::kAnswer;
  std::vector<std::size_t> nodes = {};  ///< indexes in NodeCheck::nodes
  std::string what = {};
  std::string hint = {};
  std::string outcome = {};  ///< of an error: "config_error", …
  int status = 0;            ///< and its exit status

  bool operator==(const Finding&) const = default;
};

/// Errors first, then by aspect, then by node. What nodes have is held against what most of them have, or the
/// primary where as many have something else; the version of MPI and of shipyard-mpirun always against the
/// primary's. Two memories are alike within 3 %. Pure.
[[nodiscard]] std::vector<Finding> judge(const NodeCheck& check);

/// As the matrix has them: "30", "2 of 30" where a quota leaves so much of the cores; "64 KiB", "no limit";
/// "200 Gb/sec", "none".
[[nodiscard]] std::string cores_text(const NodeFacts& facts);
[[nodiscard]] std::string locked_memory_text(const NodeFacts& facts);
[[nodiscard]] std::string infiniband_text(const NodeFacts& facts);
/// The machine's, or the cgroup's limit.
[[nodiscard]] std::uint64_t usable_memory(const NodeFacts& facts);

/// "10.0.0.4, 10.0.0.5, 10.0.0.6 and 2 more": the first three of these, indexes in NodeCheck::nodes.
[[nodiscard]] std::string hosts_text(const NodeCheck& check, const std::set<std::size_t>& nodes);
/// "10.0.0.6: no answer within 15 s"
[[nodiscard]] std::string finding_text(const NodeCheck& check, const Finding& finding);

/// The one finding that explains why mpirun cannot start the job on these nodes, in one line; nullopt where
/// nothing was found that would. Pure.
[[nodiscard]] std::optional<Outcome> cause_of(const NodeCheck& check);

}  // namespace shipyard::launcher::check
