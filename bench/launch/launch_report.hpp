#pragma once

#include <string>
#include <vector>

#include "bench/launch/phases.hpp"
#include "bench/launch/schedule.hpp"

namespace shipyard::bench {

/// A count and its launches that count; none where the run ended before.
struct Measured {
  Count count;
  std::vector<Sample> samples;
};

/// A run, and where it took place.
struct LaunchReport {
  std::string date;  ///< as Google Benchmark has it: 2026-01-31T12:00:00+00:00
  std::string host;
  std::string executable;
  int cpus = 0;
  std::vector<double> load;  ///< average of 1, 5 and 15 minutes, before the run
  std::string mpi_settings;
  std::string vm_size;
  std::vector<std::string> pattern;  ///< the command with its placeholders
  int launches = 0;
  int warmup = 0;
  std::string left_out;  ///< why there are less; empty: there are not
  std::vector<Measured> counts;

  [[nodiscard]] bool is_empty() const;
};

/// What makes the figures another thing than they seem.
std::vector<std::string> notes_on(const std::vector<Measured>& counts);

/// A line for each count that was measured. Requires one.
std::string launch_table(const LaunchReport& report);

/// In the shape of Google Benchmark's reports. A count that was not measured is there as an error.
std::string launch_json(const LaunchReport& report);
std::string launch_csv(const LaunchReport& report);

}  // namespace shipyard::bench
