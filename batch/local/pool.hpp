#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/terminal.hpp"
#include "batch/local/engine.hpp"
#include "batch/local/parallel.hpp"
#include "batch/local/pool_plan.hpp"
#include "batch/local/pool_record.hpp"

namespace shipyard::local {

/// What every step needs. The referenced objects must outlive it.
struct Edge {
  const Environment& environment;
  const Messages& messages;
  Interruption& interruption;
};

/// Creates the network. A subnet that the engine finds taken is `taken` = true in place of an error.
Status create_network(const PoolPlan& plan, const Edge& edge, bool& taken);

/// Directories and containers; afterwards all of them run. The error names the node and ends with the last
/// lines of its container's log. An interruption is no error: ask edge.interruption. Nothing is removed.
Status start_pool(const PoolPlan& plan, const Edge& edge, const std::function<void(std::size_t)>& progress);

/// An error for the first of the containers that does not run, with the last lines of its log.
Status check_containers(const std::string& engine, const std::vector<std::string>& containers,
                        const Edge& edge);

/// Removes all containers, directories and networks of the pool, whatever there is of it. Not stopped by an
/// interruption. The error says what is left.
Status remove_pool(const std::string& engine, const PoolRecord& pool, const Edge& edge);

/// is_leftover, asked of this machine now.
[[nodiscard]] bool is_left_behind(const PoolRecord& pool);

/// Removes what dead processes left behind, from the machine and from `state`, and says so in a note. Gives
/// the names of those pools.
std::vector<std::string> remove_leftovers(EngineState& state, const Edge& edge);

}  // namespace shipyard::local
