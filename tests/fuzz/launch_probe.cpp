#include "bench/launch/probe_line.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto facts = bench::find_probe_line(fuzz::text_of(data, size));
  if (!fuzz::is_good(facts)) return 0;
  for (const char c : facts->machine + facts->mpi_library)
    fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "printable");
  const auto again = bench::find_probe_line(bench::format_probe_line(*facts));
  fuzz::require(again && *again == *facts, "read as it was written");
  return 0;
}
