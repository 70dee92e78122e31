#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::bench {

/// What one launch measured at one size.
struct Measurement {
  std::string name;  ///< "pingpong/1024"; without Google Benchmark's "/manual_time"
  /// By name; times are in nanoseconds. One value where the report has the size once; NaN for null.
  std::map<std::string, std::vector<double>> figures;
};

/// What one launch printed, as the suite's `--format json`, or any report of Google Benchmark.
struct Report {
  std::string source;                        ///< for errors: a file, "launch 3 of A"
  std::map<std::string, std::string> facts;  ///< what is a text in its context: "fabric", "mpi_library", …
  std::vector<Measurement> measurements;     ///< in their order; without those that ended with an error
};

/// Reads a report; errors name `source`.
Result<Report> parse_report(std::string_view text, const std::string& source);

}  // namespace shipyard::bench
