#include "launcher/topology/apportion.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

namespace shipyard::topology {

std::vector<int> apportion(int count, const std::vector<int>& weights, const std::vector<int>& limits,
                           int whole_count, int whole_weight, Rest rest) {
  // Everything in multiples of 1 / whole_weight: exact, so that ties are ties.
  const std::int64_t unit = whole_weight;
  std::vector<int> result;
  int left = count;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto share = static_cast<int>(static_cast<std::int64_t>(whole_count) * weights[i] / unit);
    result.push_back(std::min(share, limits[i]));
    left -= result[i];
  }
  const auto missing = [&](std::size_t i) {
    return static_cast<std::int64_t>(whole_count) * weights[i] - unit * result[i];
  };
  const auto least_loaded = [&] {
    std::size_t chosen = weights.size();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (result[i] >= limits[i] || missing(i) <= 0) continue;
      if (chosen == weights.size() || result[i] < result[chosen]) chosen = i;
    }
    return chosen;
  };
  for (; left > 0 && rest == Rest::kLeastLoaded; --left) {
    const std::size_t chosen = least_loaded();
    if (chosen == weights.size()) break;
    ++result[chosen];
  }
  const int step = left > 0 ? 1 : -1;
  for (; left != 0; left -= step) {
    std::size_t chosen = weights.size();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (step > 0 ? result[i] >= limits[i] : result[i] == 0) continue;
      if (chosen == weights.size() || step * missing(i) > step * missing(chosen)) chosen = i;
    }
    assert(chosen < weights.size());
    if (chosen == weights.size()) break;
    result[chosen] += step;
  }
  return result;
}

}  // namespace shipyard::topology
