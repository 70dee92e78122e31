#include "bench/compare/comparison.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <random>
#include <sstream>

#include "bench/compare/comparison_text.hpp"

namespace shipyard::bench {
namespace {

using Values = std::vector<double>;

/// One report a value, with one size, pingpong/8.
std::vector<Report> launches(const Values& values, const std::string& figure = "p50_ns",
                             const std::string& fabric = "shm") {
  std::vector<Report> reports;
  for (const double value : values) {
    Report report{.source = "r" + std::to_string(reports.size() + 1) + ".json"};
    report.facts = {{"benchmark", "pingpong"}, {"fabric", fabric}};
    report.measurements = {{"pingpong/8", {{figure, {value}}}}};
    reports.push_back(report);
  }
  return reports;
}

const Values kFast{100, 101, 102, 103, 104};
const Values kSlow{200, 201, 202, 203, 204};

Comparison good(const Result<Comparison>& comparison) {
  EXPECT_TRUE(comparison) << comparison.error().message;
  return comparison ? *comparison : Comparison{.sizes = {{}}};
}

std::string error_of(const Result<Comparison>& comparison) {
  return comparison ? "none" : comparison.error().message;
}

TEST(Compare, MoreTimeIsSlower) {
  const auto slower = good(compare(launches(kFast), launches(kSlow), {}));
  ASSERT_EQ(slower.sizes.size(), 1u);
  EXPECT_EQ(slower.sizes[0].verdict, Verdict::kSlower);
  EXPECT_EQ(slower.sizes[0].a, 102);
  EXPECT_EQ(slower.sizes[0].b, 202);
  EXPECT_NEAR(slower.sizes[0].ratio, 1.98, 0.01);
  EXPECT_EQ(good(compare(launches(kSlow), launches(kFast), {})).sizes[0].verdict, Verdict::kFaster);
  EXPECT_EQ(good(compare(launches(kSlow), launches(kSlow), {})).sizes[0].verdict, Verdict::kSame);
}

TEST(Compare, MoreOfARateIsFaster) {
  const auto compared = [](const std::string& figure, std::optional<Better> better) {
    return good(compare(launches(kFast, figure), launches(kSlow, figure), {figure, better})).sizes[0].verdict;
  };
  EXPECT_EQ(compared("bandwidth_MB_per_s", std::nullopt), Verdict::kFaster);
  EXPECT_EQ(compared("bytes_per_second", std::nullopt), Verdict::kFaster);
  EXPECT_EQ(compared("score", std::nullopt), Verdict::kSlower);
  EXPECT_EQ(compared("score", Better::kMore), Verdict::kFaster);
  EXPECT_EQ(compared("bandwidth_MB_per_s", Better::kLess), Verdict::kSlower);
}

TEST(Compare, TheNumberOfSizesCounts) {
  // Five launches: p is 2/252 at each size, enough for six sizes and not for seven.
  for (const int count : {6, 7}) {
    auto a = launches(kFast);
    auto b = launches(kSlow);
    for (auto* side : {&a, &b}) {
      for (std::size_t i = 0; i < side->size(); ++i) {
        for (int size = 1; size < count; ++size)
          (*side)[i].measurements.push_back(
              {"pingpong/" + std::to_string(1 << (4 + size)), {{"p50_ns", {kFast[i]}}}});
      }
    }
    const auto comparison = good(compare(a, b, {}));
    EXPECT_EQ(comparison.launches_needed, count == 6 ? 5 : 6);
    EXPECT_EQ(comparison.decidable(), count == 6);
    EXPECT_EQ(comparison.count(Verdict::kSlower), count == 6 ? 1u : 0u);
    EXPECT_NEAR(comparison.sizes[0].p, 2.0 / 252, 1e-12);
    EXPECT_NEAR(comparison.sizes[0].corrected_p, count * 2.0 / 252, 1e-12);
  }
}

TEST(Compare, WithTooFewLaunchesItSaysSo) {
  const auto comparison = good(compare(launches({1}), launches({100}), {}));
  EXPECT_FALSE(comparison.decidable());
  EXPECT_EQ(comparison.sizes[0].verdict, Verdict::kUnknown);
  EXPECT_FALSE(comparison.sizes[0].interval);
  EXPECT_EQ(
      summary(comparison),
      "Too few launches to call any size different: 1 size at alpha 0.05 takes 4 on each side, and there "
      "is 1 and 1.");
}

TEST(Compare, TheLaunchIsTheUnit) {
  // Fifty values of one launch are one value.
  auto a = launches({1});
  a[0].measurements[0].figures["p50_ns"] = Values(50, 1.0);
  EXPECT_FALSE(good(compare(a, launches({100}), {})).decidable());
  a[0].measurements[0].figures["p50_ns"] = {1, 2, 30};
  EXPECT_EQ(good(compare(a, launches({100}), {})).sizes[0].a, 2);
}

TEST(Compare, LeavesOutAndNamesWhatIsNotInEveryLaunch) {
  auto a = launches(kFast);
  auto b = launches(kSlow);
  a[0].measurements.push_back({"pingpong/16", {{"p50_ns", {1}}}});
  b[0].measurements.push_back({"pingpong/32", {{"p50_ns", {1}}}});
  for (auto* side : {&a, &b}) {
    for (auto& report : *side) report.measurements.push_back({"pingpong/0", {{"real_time", {1}}}});
    (*side)[0].measurements.push_back({"pingpong/64", {{"p50_ns", {1}}}});
    (*side)[1].measurements.push_back({"pingpong/64", {{"p50_ns", {1}}}});
  }
  const auto comparison = good(compare(a, b, {}));
  EXPECT_EQ(comparison.sizes.size(), 1u);
  std::vector<std::string> left_out;
  for (const auto& one : comparison.left_out) left_out.push_back(one.name + " " + one.reason);
  EXPECT_THAT(left_out, ::testing::UnorderedElementsAre("pingpong/16 in A only", "pingpong/32 in B only",
                                                        "pingpong/0 without p50_ns",
                                                        "pingpong/64 in 2 of 5 launches of A, 2 of 5 of B"));
}

TEST(Compare, LeavesOutWhatIsZeroInAllLaunches) {
  auto a = launches(kFast, "bandwidth_MB_per_s");
  auto b = launches(kSlow, "bandwidth_MB_per_s");
  for (auto* side : {&a, &b}) {
    for (auto& report : *side) report.measurements.push_back({"pingpong/0", {{"bandwidth_MB_per_s", {0}}}});
  }
  const auto comparison = good(compare(a, b, {"bandwidth_MB_per_s"}));
  EXPECT_EQ(comparison.sizes.size(), 1u);
  ASSERT_EQ(comparison.left_out.size(), 1u);
  EXPECT_EQ(comparison.left_out[0].name + ": " + comparison.left_out[0].reason,
            "pingpong/0: bandwidth_MB_per_s is 0");
  b[4].measurements[1].figures["bandwidth_MB_per_s"] = {1};
  EXPECT_EQ(error_of(compare(a, b, {"bandwidth_MB_per_s"})),
            "r1.json: pingpong/0: bandwidth_MB_per_s is 0, and there is no ratio to that");
  EXPECT_EQ(error_of(compare(launches({0, 0}), launches({0, 0}), {})),
            "p50_ns is 0 at every size that A and B have");
}

TEST(Compare, NamesWhatTheContextsSayDifferently) {
  auto b = launches(kFast, "p50_ns", "tcp");
  b[0].facts["date"] = "another";
  b[1].facts["fabric"] = "shm";
  const auto comparison = good(compare(launches(kFast), b, {}));
  ASSERT_EQ(comparison.differences.size(), 1u);
  EXPECT_EQ(comparison.differences[0].fact, "fabric");
  EXPECT_THAT(comparison.differences[0].a, ::testing::ElementsAre("shm"));
  EXPECT_THAT(comparison.differences[0].b, ::testing::ElementsAre("shm", "tcp"));
  // Alike on both sides, and yet not one measurement.
  auto c = b;
  c[0].facts["date"] = "a third";
  EXPECT_EQ(good(compare(b, c, {})).differences.size(), 1u);
  EXPECT_TRUE(good(compare(launches(kFast), launches(kSlow), {})).differences.empty());
}

TEST(Compare, RefusesWhatCannotBeCompared) {
  auto other = launches(kFast);
  for (auto& report : other) report.facts["benchmark"] = "bandwidth";
  EXPECT_EQ(error_of(compare(launches(kFast), other, {})),
            "r1.json is of pingpong, r1.json of bandwidth: there is nothing to compare");
  auto elsewhere = launches(kFast);
  for (auto& report : elsewhere) report.measurements[0].name = "pingpong/9";
  EXPECT_EQ(error_of(compare(launches(kFast), elsewhere, {})), "A and B have no size in common");
  EXPECT_EQ(error_of(compare(launches(kFast), launches(kFast), {"p5_ns"})),
            "no size has the figure 'p5_ns'; did you mean 'p50_ns'?");
  auto empty = launches({1});
  empty[0].measurements.clear();
  EXPECT_EQ(error_of(compare(empty, empty, {})), "r1.json: nothing was measured");
}

TEST(Compare, RefusesACopyAsAnotherLaunch) {
  auto a = launches(kFast);
  auto b = launches(kSlow);
  for (auto* side : {&a, &b}) {
    for (auto& report : *side) report.facts["date"] = "2026-01-01T00:00:00+00:00";
  }
  EXPECT_EQ(error_of(compare(a, b, {})), "none") << "one date, other figures";
  b[4] = a[1];
  b[4].source = "copy.json";
  EXPECT_EQ(error_of(compare(a, b, {})),
            "r2.json and copy.json have the same date and figures, and a launch counts once");
  b[4].facts["date"] = "2026-01-01T00:00:01+00:00";
  EXPECT_EQ(error_of(compare(a, b, {})), "none") << "another date";
}

TEST(Compare, RefusesFiguresThatHaveNoRatio) {
  const auto with = [](double value) {
    auto b = launches(kFast);
    b[2].measurements[0].figures["p50_ns"] = {value};
    return error_of(compare(launches(kFast), b, {}));
  };
  EXPECT_EQ(with(std::numeric_limits<double>::quiet_NaN()), "r3.json: pingpong/8: p50_ns is not a number");
  EXPECT_EQ(with(std::numeric_limits<double>::infinity()), "r3.json: pingpong/8: p50_ns is not a number");
  EXPECT_EQ(with(0), "r3.json: pingpong/8: p50_ns is 0, and there is no ratio to that");
  EXPECT_EQ(with(-1.5), "r3.json: pingpong/8: p50_ns is -1.5, and there is no ratio to that");
}

/// Launches of 24 sizes. What moves a launch moves all its sizes together, as it does on real machines.
std::vector<Report> simulate(std::mt19937_64& random, int count, double slower_at_first = 1) {
  std::lognormal_distribution<double> of_launch(0, 0.1);
  std::lognormal_distribution<double> of_size(0, 0.05);
  std::vector<Report> reports;
  for (int i = 0; i < count; ++i) {
    Report report{.source = "simulated"};
    const double launch = of_launch(random);
    for (int size = 0; size < 24; ++size) {
      report.measurements.push_back(
          {"pingpong/" + std::to_string(size),
           {{"p50_ns", {100 * launch * of_size(random) * (size == 0 ? slower_at_first : 1)}}}});
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

TEST(Compare, CallsAtMostOneSizeInTwentyDifferentWhereNoneIs) {
  std::mt19937_64 random(4);
  constexpr int kRuns = 300;
  std::size_t called = 0;
  int runs_with_a_call = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto comparison = good(compare(simulate(random, 8), simulate(random, 8), {}));
    const auto different = comparison.count(Verdict::kSlower) + comparison.count(Verdict::kFaster);
    called += different;
    runs_with_a_call += different > 0;
  }
  EXPECT_LE(called, std::size_t{24} * kRuns / 20);
  // What Holm's correction promises is more: that at most one run in twenty calls any size.
  EXPECT_LE(runs_with_a_call, kRuns / 20);
}

TEST(Compare, FindsTheOneSizeThatIsSlower) {
  std::mt19937_64 random(5);
  int found = 0;
  for (int run = 0; run < 50; ++run) {
    const auto comparison = good(compare(simulate(random, 10), simulate(random, 10, 1.5), {}));
    found += comparison.sizes[0].verdict == Verdict::kSlower;
  }
  EXPECT_GE(found, 45);
}

TEST(ComparisonText, TheTableIsWhole) {
  auto a = launches(kFast);
  auto b = launches(kSlow, "p50_ns", "tcp");
  for (std::size_t i = 0; i < 5; ++i) {
    a[i].measurements.push_back({"pingpong/4194304", {{"p50_ns", {kSlow[i] * 1e4}}}});
    b[i].measurements.push_back({"pingpong/4194304", {{"p50_ns", {kFast[i] * 1e4}}}});
    a[i].measurements.push_back({"a_long_name_of_a_kernel/64", {{"p50_ns", {kFast[i] * 1e7}}}});
    b[i].measurements.push_back({"a_long_name_of_a_kernel/64", {{"p50_ns", {kFast[i] * 1e7}}}});
    a[i].measurements.push_back({"pingpong/1", {{"p50_ns", {1}}}});
  }
  EXPECT_EQ(format_comparison(good(compare(a, b, {})), {"old.json … new.json", "mpirun -np 2 pingpong"}),
            R"(bench-compare 0.1.0

  A          5 launches: old.json … new.json
  B          5 launches: mpirun -np 2 pingpong
  figure     p50_ns, median of the launches; less is better
  differs    fabric: A shm, B tcp
  left out   in A only: pingpong/1

                             A          B    B/A       95 % CI       p
  pingpong/8          102.0 ns   202.0 ns  1.980   1.942…2.020  0.0238  B slower
  pingpong/4194304    2.020 ms   1.020 ms  0.505   0.495…0.515  0.0238  B faster
  a_long_name_of_a_kernel/64
                       1.020 s    1.020 s  1.000   0.971…1.030  1.0000  same

B is slower at 1 of 3 sizes, pingpong/8 (B/A 1.980), and faster at 1 of 3 sizes,
pingpong/4194304 (B/A 0.505; alpha 0.05).
)");
}

TEST(ComparisonText, WhateverTheRatiosNoLineIsWiderThan80Columns) {
  for (const double ratio : {1e-9, 1.234e-3, 0.05678, 1.0, 98765.4, 1.5e9}) {
    for (const char* figure : {"p50_ns", "bandwidth_MB_per_s", "messages_per_s", "count"}) {
      auto a = launches({812, 813, 814, 816, 999}, figure);
      auto b = launches({812 * ratio, 813 * ratio, 814 * ratio, 816 * ratio, 12345 * ratio}, figure);
      for (auto* side : {&a, &b}) {
        for (auto& report : *side) report.measurements[0].name = "allreduce/4194304";
      }
      std::istringstream lines(format_comparison(good(compare(a, b, {figure})), {"a", "b"}));
      for (std::string line; std::getline(lines, line);) {
        const auto width = std::count_if(
            line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
        EXPECT_LE(width, 80) << line;
      }
    }
  }
}

TEST(ComparisonText, TheSentenceSaysWhatTheTableDoes) {
  EXPECT_EQ(summary(good(compare(launches(kFast), launches(kFast), {}))),
            "No difference at the one size (alpha 0.05).");
  EXPECT_EQ(summary(good(compare(launches(kFast), launches(kSlow), {.alpha = 0.01}))),
            "B is slower at 1 of 1 size, pingpong/8 (B/A 1.980; alpha 0.01).");
}

TEST(ComparisonText, JsonHasTheSame) {
  EXPECT_EQ(comparison_json(good(compare(launches({1}), launches({2}, "p50_ns", "tcp"), {})), {"a", "b\xff"}),
            R"({
  "tool": "bench-compare",
  "version": "0.1.0",
  "figure": "p50_ns",
  "better": "less",
  "alpha": 0.05,
  "a": {
    "what": "a",
    "launches": 1
  },
  "b": {
    "what": "b)"
            "\xEF\xBF\xBD"
            R"(",
    "launches": 1
  },
  "launches_needed": 4,
  "differs": [
    {
      "fact": "fabric",
      "a": [
        "shm"
      ],
      "b": [
        "tcp"
      ]
    }
  ],
  "left_out": [],
  "sizes": [
    {
      "name": "pingpong/8",
      "a": 1.0,
      "b": 2.0,
      "ratio": 2.0,
      "interval": null,
      "p": 1.0,
      "p_holm": 1.0,
      "verdict": "unknown"
    }
  ],
  "slower": 0,
  "faster": 0,
  "summary": "Too few launches to call any size different: 1 size at alpha 0.05 takes 4 on each side, and there is 1 and 1."
}
)");
}

TEST(FormatFigure, HasFourDigitsAndAUnit) {
  EXPECT_EQ(format_figure(370.23, "p50_ns"), "370.2 ns");
  EXPECT_EQ(format_figure(12345, "real_time"), "12.35 µs");
  EXPECT_EQ(format_figure(1.5e6, "p99.9_ns"), "1.500 ms");
  EXPECT_EQ(format_figure(2e9, "max_ns"), "2.000 s");
  EXPECT_EQ(format_figure(801.23, "bandwidth_MB_per_s"), "801.2 MB/s");
  EXPECT_EQ(format_figure(54321, "mean_MB_per_s"), "54.32 GB/s");
  EXPECT_EQ(format_figure(321, "messages_per_s"), "321.0 /s");
  EXPECT_EQ(format_figure(3.21e6, "messages_per_s"), "3210 k/s");
  EXPECT_EQ(format_figure(3.21e7, "messages_per_s"), "32.10 M/s");
  EXPECT_EQ(format_figure(1.5e10, "bytes_per_second"), "15.00 G/s");
  EXPECT_EQ(format_figure(12345678, "count"), "1.235e+07");
  EXPECT_EQ(format_figure(0.5, "share"), "0.500");
}

}  // namespace
}  // namespace shipyard::bench
