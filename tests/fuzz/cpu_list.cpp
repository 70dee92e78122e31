#include "base/cpu_list.hpp"

#include <algorithm>

#include "batch/local/cpu_set.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto cpus = parse_cpu_list(text);
  fuzz::require(cpus.has_value() == is_cpu_list(text), "both take the same texts");
  if (cpus) {
    fuzz::require(std::ranges::is_sorted(*cpus, std::less_equal<>()), "CPUs ascend");
    fuzz::require(parse_cpu_list(format_cpu_list(*cpus)) == cpus, "a list is read as it was written");
  }
  const auto lenient = local::parse_cpu_list(text);
  if (cpus) fuzz::require(lenient == *cpus, "both read the same CPUs");
  fuzz::require(local::parse_cpu_list(local::format_cpu_list(lenient)).size() <= lenient.size(),
                "a list does not grow");
  return 0;
}
