#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "launcher/topology/domain_tree.hpp"
#include "launcher/topology/layout.hpp"
#include "launcher/topology/placement.hpp"

namespace shipyard::topology {

/// The layout of one node, in the steps that a job takes: how many ranks, how large, where. Keeps references
/// to what it is made of.
class NodePlanner {
 public:
  NodePlanner(const LayoutWish& wish, const NodeTopology& node);

  /// Cores of the wanted kinds, no more than the CPU quota, at least 1.
  [[nodiscard]] int usable_cores() const;

  /// How many ranks `--ppn`'s mode (without it: one per core) means here; fails where there is nothing to
  /// count ("no GPU").
  [[nodiscard]] Result<int> ranks_of_mode() const;
  /// "one on each of 16 L3 caches".
  [[nodiscard]] std::string mode_text() const;

  /// Units (cores, or hardware threads where ranks share cores' threads) for each of so many ranks. Fails
  /// where they do not fit.
  [[nodiscard]] Result<int> rank_size(int ranks) const;

  /// Places them.
  [[nodiscard]] Result<NodeLayout> place(int ranks, int size) const;

 private:
  using Mode = RanksPerNode::Mode;
  struct Automatic {
    int ranks = 0;
    int size = 1;
  };

  [[nodiscard]] Mode mode() const;
  [[nodiscard]] Automatic automatic() const;
  [[nodiscard]] Automatic one_per_cache() const;
  [[nodiscard]] Automatic one_per_domain(const std::vector<Domain>& domains) const;
  /// What one rank each may be asked for on; a memory that packages share is one domain here.
  [[nodiscard]] std::vector<Domain> domains_of(Domain::Level level) const;
  [[nodiscard]] Automatic one_per_gpu() const;
  /// Cores (or hardware threads) that ranks may take together, after the quota.
  [[nodiscard]] int unit_limit() const;
  [[nodiscard]] int ranks_of_memory() const;
  /// `--threads`, in whole cores; 0: not given.
  [[nodiscard]] int size_given() const;
  [[nodiscard]] int whole_cores(int size) const;

  /// A part of the node with GPUs (indexes) that are nearest to it.
  struct GpuPlace {
    Domain domain;
    std::vector<int> gpus;
  };
  [[nodiscard]] std::vector<GpuPlace> gpu_places() const;

  [[nodiscard]] std::optional<Places> places(int ranks, int size, std::vector<int>& gpus) const;
  [[nodiscard]] std::optional<Places> places_of_domains(Domain::Level level, int size) const;
  [[nodiscard]] std::optional<Places> places_at_gpus(int ranks, int size, std::vector<int>& gpus) const;
  [[nodiscard]] std::vector<int> cores_of(const std::vector<int>& units) const;
  [[nodiscard]] std::vector<int> bound_cpus(const std::vector<int>& units) const;
  [[nodiscard]] std::string units_text(int count) const;
  [[nodiscard]] std::string room_text() const;
  [[nodiscard]] std::string where_text(const Places& places) const;
  [[nodiscard]] Error do_not_fit(int ranks, int size) const;
  void add_notes(int ranks, int size, NodeLayout& layout) const;

  const LayoutWish& wish_;
  const NodeTopology& node_;
  std::vector<int> cores_;     // indexes of those of the wanted kinds
  bool thread_units_ = false;  // a unit is a hardware thread
  DomainTree tree_;
};

}  // namespace shipyard::topology
