#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::topology {

/// What a rank is bound to; kCore: its own cores.
enum class BindTo { kCore, kHardwareThread, kL3, kNuma, kSocket, kNone };

/// Ranks on a node: a number, or one per something.
struct RanksPerNode {
  enum class Mode { kNumber, kCore, kHardwareThread, kL3, kNuma, kSocket, kGpu };

  Mode mode = Mode::kNumber;
  int number = 0;  ///< with kNumber
  std::string origin = {};
};

/// How ranks are wanted, each value with what the user calls it ("--ppn", "SHIPYARD_PPN", "slots in
/// hosts.txt").
struct LayoutWish {
  struct Count {
    int value = 0;
    std::string origin = {};
  };

  std::optional<Count> ranks = {};                  ///< of the job (-n)
  std::optional<RanksPerNode> ranks_per_node = {};  ///< on every node (--ppn)
  /// Cores per rank; nullopt: as many as fit where ranks or ranks_per_node is given, else 1.
  std::optional<Count> threads = {};
  bool auto_threads = false;                          ///< --threads auto
  bool smt = false;                                   ///< hardware threads count like cores
  bool all_kinds = false;                             ///< slow cores of a hybrid CPU, too
  std::optional<std::uint64_t> memory_per_rank = {};  ///< bytes
  BindTo bind_to = BindTo::kCore;
  bool oversubscribe = false;
  std::vector<std::optional<int>> node_slots = {};  ///< by node, from a hostfile; empty: none
};

/// One rank's place on its node.
struct RankPlace {
  std::vector<int> cores = {};  ///< its own, indexes into NodeTopology::cores, ascending
  std::vector<int> cpus = {};   ///< what it is bound to: operating-system indexes, ascending
  int gpu = -1;                 ///< index into NodeTopology::gpus; -1: none of its own
};

/// The ranks of one node, in rank order, which is locality order (in GPU mode the GPUs' PCI order).
struct NodeLayout {
  std::vector<RankPlace> ranks = {};
  int threads = 1;            ///< per rank: cores, with `smt` hardware threads (OMP_NUM_THREADS)
  bool bound = true;          ///< false: a rank may run on all usable CPUs
  bool shares_cores = false;  ///< more ranks than cores, as asked for by `oversubscribe`; not bound then
  int usable_cores = 0;       ///< after kind and quota
  int idle_cores = 0;         ///< usable, but no rank's own
  std::string reason = {};    ///< "a rank on each of 120 cores"
  std::vector<std::string> notes = {};  ///< idle cores and the nearest better count, straddled caches …
};

/// Ranks of every node, in the order of the nodes; nodes at the end may have none.
struct JobLayout {
  /// By node, an index into `layouts`; -1: no rank.
  std::vector<int> node_layout = {};
  std::vector<NodeLayout> layouts = {};  ///< the different ones
  int total = 0;                         ///< ranks of the job
  std::string reason = {};               ///< how the ranks were counted, for --explain
  bool shares_cores = false;             ///< more ranks than cores somewhere, as asked for by `oversubscribe`
};

/// Pure. `node_topology` says for each node which of `topologies` it has. Fails where ranks do not fit and
/// `oversubscribe` is not set. The rules: docs/placement.md.
Result<JobLayout> plan_layout(const LayoutWish& wish, const std::vector<NodeTopology>& topologies,
                              const std::vector<int>& node_topology);

}  // namespace shipyard::topology
