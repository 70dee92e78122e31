#include "launcher/rank/rank_layout.hpp"

#include "base/cpu_list.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  for (const int rank : {0, 1, 5, 1 << 20}) {
    const auto settings = rank::find_rank_settings(text, rank);
    if (!fuzz::is_good(settings)) continue;
    fuzz::require(is_cpu_list(settings->cpus) && is_cpu_list(settings->usable), "CPUs are CPU lists");
    // A table of this rank alone says the same.
    rank::RankSettings own = *settings;
    own.usable.clear();
    const auto again =
        rank::find_rank_settings(rank::format_layout_table({{{settings->usable, {own}}}, {{0, 1}}}), 0);
    fuzz::require(again && again->cpus == settings->cpus && again->usable == settings->usable &&
                      again->variables == settings->variables,
                  "settings are read as they were written");
  }
  return 0;
}
