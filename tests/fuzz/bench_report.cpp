#include "bench/compare/report.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto report = bench::parse_report(fuzz::text_of(data, size), "report");
  if (!fuzz::is_good(report)) {
    fuzz::require(report.error().message.find('\n') == std::string::npos, "an error is one line");
    return 0;
  }
  const auto printable = [](const std::string& text) {
    for (const char c : text) fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "printable");
  };
  for (const auto& [name, value] : report->facts) printable(value);
  for (const auto& measurement : report->measurements) {
    printable(measurement.name);
    for (const auto& [name, values] : measurement.figures)
      fuzz::require(!values.empty(), "a figure that is there has a value");
  }
  return 0;
}
