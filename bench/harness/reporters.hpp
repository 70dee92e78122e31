#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "base/result.hpp"
#include "bench/harness/leader.hpp"
#include "bench/harness/table.hpp"

// What becomes of a run that Google Benchmark has made: our table or OSU's on standard output, the report's
// file.

namespace shipyard::bench {

// Counters of every size in the report.
inline constexpr const char* kBytes = "bytes";
inline constexpr const char* kSamples = "samples";
inline constexpr const char* kBandwidth = "bandwidth_MB_per_s";
inline constexpr const char* kMeanBandwidth = "mean_MB_per_s";

/// On standard output, at once.
void print(const std::string& text);

/// Rows of our table, or of osu_latency's and its kin's.
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  /// `leadership` outlives this. `head`: above our table.
  TableReporter(const Leadership& leadership, std::string head);
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

 private:
  [[nodiscard]] bool is_osu() const { return leadership_.options.format == Format::kOsu; }
  [[nodiscard]] bool is_sized(const std::string& kernel) const;
  [[nodiscard]] std::string title(const std::string& kernel) const;
  [[nodiscard]] std::string osu_row(const Figures& figures) const;

  const Leadership& leadership_;
  Table table_;
  std::string head_;
  std::string kernel_;  ///< of the last row
};

/// Of a survey: its text comes at the end.
class HeadReporter : public benchmark::BenchmarkReporter {
 public:
  explicit HeadReporter(std::string head) : head_(std::move(head)) {}
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>&) override {}

 private:
  std::string head_;
};

/// Google Benchmark's CSV writes its context, and what it makes of its own library, on standard error.
class WithoutContext : public benchmark::BenchmarkReporter {
 public:
  explicit WithoutContext(benchmark::BenchmarkReporter& reporter) : reporter_(reporter) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override { reporter_.ReportRuns(runs); }
  void Finalize() override { reporter_.Finalize(); }

 private:
  benchmark::BenchmarkReporter& reporter_;
};

/// Puts the leader's own count into what Google Benchmark found: each size is measured in one call, since its
/// ramp knows no longest time (google/benchmark #1158) and stops at a first iteration that was disturbed.
/// Passes it on to what prints it, and to the report's file, which is whole whenever it is there.
class Reports : public benchmark::BenchmarkReporter {
 public:
  /// `display` outlives this; `file`: empty for none. `iterations`: by name, as they are measured.
  Reports(benchmark::BenchmarkReporter& display, std::string file,
          const std::map<std::string, std::int64_t>& iterations);
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

  /// Of the last attempt to write the file.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  using Clock = std::chrono::steady_clock;
  void write();

  benchmark::BenchmarkReporter& display_;
  std::string file_;
  const std::map<std::string, std::int64_t>& iterations_;
  std::ostringstream text_;
  benchmark::JSONReporter json_;
  std::optional<Error> error_;
  Clock::time_point next_write_;
};

}  // namespace shipyard::bench
