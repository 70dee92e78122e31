#pragma once

#include "bench/harness/program.hpp"

namespace shipyard::bench {

/// Two ranks, by --pair, else the first and one on another node.
Result<Selection> select_pair(const Placement& placement, const Options& options);

/// Every byte of the last message that this rank was sent by `peer`, of `count` that came in one iteration.
std::int64_t wrong_from(const Station& station, int peer, std::int64_t bytes, int count);

}  // namespace shipyard::bench
