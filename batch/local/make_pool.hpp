#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "batch/local/options.hpp"
#include "batch/local/pool.hpp"
#include "batch/local/pool_plan.hpp"
#include "batch/local/pool_record.hpp"
#include "batch/local/subnet.hpp"

namespace shipyard::local {

/// The place for a pool on this machine: CPUs and subnet, away from what other pools and networks use.
Result<PoolPlace> choose_place(const Request& request, const std::string& engine,
                               const std::vector<PoolRecord>& pools, const std::vector<UsedSubnet>& used,
                               const Edge& edge);

/// A pool that runs, or an error after everything of it was removed. Interrupted: neither error nor pool
/// (nullopt), and nothing left. How far it is, is shown on `terminal` where that is one.
Result<std::optional<PoolPlan>> make_pool(const Request& request, const PoolOptions& options,
                                          const Edge& edge, std::ostream& terminal);

}  // namespace shipyard::local
