#pragma once

#include "bench/harness/program.hpp"

namespace shipyard::bench {

/// Two ranks, by --pair, else the first and one on another node.
Result<Selection> select_pair(const Placement& placement, const Options& options);

// What rank `station.rank` does with its `peer`, who does the other half.

/// Messages there and back; `first` begins.
void round_trips(const Station& station, int peer, bool first, std::int64_t bytes, std::int64_t iterations);

/// Windows of Station::window messages, each with a reply of one byte when all of it is there.
void send_windows(const Station& station, int peer, bool sends, std::int64_t bytes, std::int64_t iterations);

/// Of every byte of the `count` messages that `peer` sent in one iteration: how many are wrong.
std::int64_t wrong_from(const Station& station, int peer, std::int64_t bytes, int count);

}  // namespace shipyard::bench
