#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/harness/options.hpp"

namespace shipyard::bench {

/// Logical CPUs by the operating system's index; as many as a plain cpu_set_t holds.
using CpuSet = std::bitset<1024>;

/// Where one rank runs.
struct RankPlace {
  std::string host;     ///< MPI_Get_processor_name
  int node = 0;         ///< Equal for ranks that share memory: the lowest such rank.
  std::string machine;  ///< The kernel's boot id: equal for containers on one machine. Empty if unknown.
  CpuSet cpus;          ///< CPUs that this rank may run on. None set if unknown.
  double load = -1;     ///< The node's load average over a minute, before the start. Negative if unknown.
  int node_cpus = 0;    ///< CPUs that the node has online. 0 if unknown.
};

/// By rank.
using Placement = std::vector<RankPlace>;

/// The pair to measure: `wanted` if given, else rank 0 and the first rank on another node, else ranks 0
/// and 1. Fails with one rank only, and if `wanted` names a rank that is not there.
Result<RankPair> choose_pair(const Placement& placement, const std::optional<RankPair>& wanted);

int count_nodes(const Placement& placement);

/// `rank 0 on node-a, rank 1 on node-b (different nodes)`, or `ranks 0 and 1 on node-a (same node)`
std::string describe_pair(const Placement& placement, const RankPair& pair);

/// `4 on 1 node, 2 CPUs (oversubscribed); 2 measure, the others sleep`: where ranks are more than the CPUs
/// that they may run on, measuring or not.
std::string describe_ranks(const Placement& placement, int measuring);

/// What makes the figures of these ranks worth less than they look, which is that they cannot have a CPU
/// each; a sentence for each machine. Empty if nothing does.
std::vector<std::string> sharing_notes(const Placement& placement, const std::vector<int>& ranks);

/// Which nodes of these ranks were busy before the start, in one sentence; empty: none. Busy: a load average
/// above a quarter of the node's CPUs, and above a half.
std::string load_note(const Placement& placement, const std::vector<int>& ranks);

/// The load average of each of these ranks' nodes, `node-a 0.25, node-b 1.50`, in the order of the ranks.
std::string describe_loads(const Placement& placement, const std::vector<int>& ranks);

/// The load average over a minute, from the text of /proc/loadavg; negative if there is none.
double load_average(const std::string& text);

/// The lowest rank on each node, ascending.
std::vector<int> first_rank_of_each_node(const Placement& placement);

/// `0-3,8`; empty for an empty set.
std::string format_cpus(const CpuSet& cpus);

}  // namespace shipyard::bench
