#pragma once

#include <vector>

namespace shipyard::topology {

/// Who gets what is left when every part has its share rounded down.
enum class Rest {
  kLargestRemainder,  ///< Hamilton's method
  kLeastLoaded,       ///< the part with the fewest
};

/// Deals `count` out to parts: part i's share is rate × weights[i], and as long as limits allow, each part
/// gets its share rounded down or up; ties go to the first.
///
/// The rate is that of the whole (`whole_count` / `whole_weight`) and not of these parts: so dealing out
/// level by level (packages, their NUMA domains, their caches) leaves every part on every level within one of
/// its share in the whole.
///
/// The limits together must allow `count`.
[[nodiscard]] std::vector<int> apportion(int count, const std::vector<int>& weights,
                                         const std::vector<int>& limits, int whole_count, int whole_weight,
                                         Rest rest = Rest::kLargestRemainder);

}  // namespace shipyard::topology
