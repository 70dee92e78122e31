#include "bench/harness/kernel.hpp"

namespace shipyard::bench {

void fill_pattern(std::byte* to, int source, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; ++i) to[i] = pattern(source, i);
}

std::int64_t count_wrong(const std::byte* found, int source, std::int64_t bytes, std::int64_t offset) {
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < bytes; ++i) wrong += found[i] != pattern(source, offset + i);
  return wrong;
}

}  // namespace shipyard::bench
