#include "bench/pair.hpp"

namespace shipyard::bench {

Result<Selection> select_pair(const Placement& placement, const Options& options) {
  const auto pair = choose_pair(placement, options.pair);
  if (!pair) return pair.error();
  return Selection{.ranks = {pair->first, pair->second},
                   .title = "pair",
                   .description = describe_pair(placement, *pair),
                   .notes = sharing_notes(placement, {pair->first, pair->second}),
                   .between_nodes = placement[pair->first].node != placement[pair->second].node};
}

std::int64_t wrong_from(const Station& station, int peer, std::int64_t bytes, int count) {
  std::int64_t wrong = 0;
  for (std::size_t place = 0; place <= station.receive.mask && place < static_cast<std::size_t>(count);
       ++place)
    wrong += count_wrong(station.receive.at(static_cast<std::int64_t>(place)), peer, bytes);
  return wrong;
}

}  // namespace shipyard::bench
