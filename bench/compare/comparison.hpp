#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/compare/rank_test.hpp"
#include "bench/compare/report.hpp"

namespace shipyard::bench {

enum class Better { kLess, kMore };

/// What is compared, and how sure one has to be.
struct Question {
  std::string figure = "p50_ns";
  std::optional<Better> better;  ///< nothing: by the figure's name, is_rate
  double alpha = 0.05;           ///< chance that any size is called different where none is
};

/// Whether more of it is better: what ends in `_per_s` or `_per_second`.
bool is_rate(std::string_view figure);

enum class Verdict { kSame, kSlower, kFaster, kUnknown };

struct SizeComparison {
  std::string name;
  double a = 0;  ///< medians over launches
  double b = 0;
  double ratio = 1;                  ///< b/a: ratio_estimate
  std::optional<Interval> interval;  ///< at 1 - alpha, for this size alone
  double p = 1;
  double corrected_p = 1;               ///< by Holm, for the number of sizes
  Verdict verdict = Verdict::kUnknown;  ///< of B: kUnknown where no size can be called different
};

/// Something that the context of reports says differently.
struct Difference {
  std::string fact;
  std::vector<std::string> a;  ///< what A's launches say, each once
  std::vector<std::string> b;
};

struct LeftOut {
  std::string name;
  std::string reason;  ///< "in A only"
};

struct Comparison {
  Question question;  ///< `better` is set
  std::size_t launches_a = 0;
  std::size_t launches_b = 0;
  std::vector<Difference> differences;
  std::vector<LeftOut> left_out;
  std::vector<SizeComparison> sizes;  ///< at least one
  int launches_needed = 0;            ///< on each side, for any size to be called different

  [[nodiscard]] std::size_t count(Verdict verdict) const;
  /// False where there are too few launches for a verdict on any size.
  [[nodiscard]] bool decidable() const { return count(Verdict::kUnknown) == 0; }
};

/// Compares launches of A with launches of B, one report each. The launch is the unit: a size that a report
/// has several times counts once, with the median. Sizes that a launch lacks are left out, and named: one
/// that only slow launches lack would look faster than it is. So are sizes whose figure is 0 in all launches.
/// Fails where reports are of different benchmarks, where one has the date and all figures of another, where
/// no size is left, or a figure is otherwise not a number above 0. Requires reports on both sides.
Result<Comparison> compare(const std::vector<Report>& a, const std::vector<Report>& b,
                           const Question& question);

}  // namespace shipyard::bench
