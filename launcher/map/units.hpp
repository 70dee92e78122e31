#pragma once

#include <string>
#include <vector>

#include "launcher/topology/layout.hpp"
#include "launcher/topology/node_topology.hpp"

namespace shipyard::launcher::map {

/// What has one place in the drawing: a core, or a hardware thread where ranks share cores' threads.
struct Unit {
  std::vector<int> cpus = {};
  std::vector<int> ranks = {};  ///< of the job, ascending; none: idle, or not bound
  int numa = 0;
  int cache = 0;
  int kind = 0;
  bool first_of_core = true;
  /// The units of the same (first) rank that come next before and behind this one, wherever they are; -1:
  /// none.
  int before = -1;
  int behind = -1;
};

/// The units of a node in the order of its cores.
class Units {
 public:
  /// The node's first rank is the job's rank `first_rank`.
  Units(const topology::NodeTopology& node, const topology::NodeLayout& layout, int first_rank);

  [[nodiscard]] std::size_t size() const { return units_.size(); }
  [[nodiscard]] const Unit& operator[](std::size_t index) const { return units_[index]; }

  /// Units are hardware threads.
  [[nodiscard]] bool are_threads() const { return threads_; }
  /// Kinds of cores on the node.
  [[nodiscard]] int kinds() const { return kinds_; }

  /// Behind `begin` and up to `limit`, the first with other ranks. Every idle unit is alone.
  [[nodiscard]] std::size_t run_end(std::size_t begin, std::size_t limit) const;
  [[nodiscard]] bool same_cache(std::size_t one, std::size_t other) const;
  /// The CPUs of units from `begin` to before `end`, ascending.
  [[nodiscard]] std::vector<int> cpus(std::size_t begin, std::size_t end) const;

 private:
  void find_neighbours();

  std::vector<Unit> units_;
  bool threads_ = false;
  int kinds_ = 0;
};

}  // namespace shipyard::launcher::map
