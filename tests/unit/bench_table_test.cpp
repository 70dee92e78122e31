#include "bench/harness/table.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "bench/harness/options.hpp"

namespace shipyard::bench {
namespace {

Table small_table() {
  Table table;
  table.columns = {{.title = "bytes", .figure = "bytes", .width = 7},
                   {.title = "min", .figure = "min_ns", .scale = 1e-3, .decimals = 3, .width = 12},
                   {.title = "p99", .figure = "p99_ns", .scale = 1e-3, .decimals = 3, .width = 12}};
  return table;
}

TEST(FormatHead, AlignsTitlesWithTheRows) {
  EXPECT_EQ(format_head(small_table()), "  bytes         min         p99\n");
  EXPECT_EQ(format_row(small_table(), {{"bytes", 64}, {"min_ns", 1234.5}, {"p99_ns", 2e6}}),
            "     64       1.234    2000.000\n");
}

TEST(FormatHead, PutsASpanOverItsColumnsAndCountsCharactersNotBytes) {
  Table table = small_table();
  table.spans = {{.title = "time, µs", .first = 1, .last = 2}};
  EXPECT_EQ(format_head(table),
            "          ───── time, µs ──────\n"
            "  bytes         min         p99\n");
}

TEST(FormatRow, ShowsADashForWhatIsMissingOrNoNumber) {
  EXPECT_EQ(format_row(small_table(), {{"bytes", 64}, {"min_ns", std::numeric_limits<double>::quiet_NaN()}}),
            "     64           -           -\n");
}

TEST(FormatFact, PutsTheTextAfterTheLabel) {
  EXPECT_EQ(format_fact("MPI", "Open MPI 4.1.4 (MPI 3.1)"), "  MPI        Open MPI 4.1.4 (MPI 3.1)\n");
}

TEST(FormatFact, ContinuesUnderItselfBeyond80Columns) {
  const std::string host(30, 'a');
  EXPECT_EQ(format_fact("pair", "rank 0 on " + host + ", rank 1 on " + host),
            "  pair       rank 0 on " + host + ", rank 1 on\n             " + host + "\n");
}

TEST(FormatFact, DoesNotBreakAWord) {
  const std::string word(100, 'a');
  EXPECT_EQ(format_fact("pair", word), "  pair       " + word + "\n");
}

TEST(LatencyTable, FitsIn80ColumnsWhateverPercentilesItHas) {
  const auto head = [](std::vector<double> percentiles) {
    Options options;
    options.percentiles = std::move(percentiles);
    return format_head(latency_table(options, "time, µs", true, "calls"));
  };
  EXPECT_EQ(head({}),
            "             ─────────────── time, µs ────────────────\n"
            "     bytes        min     median        p99       mean        MB/s         calls\n");
  EXPECT_EQ(head({50, 90, 99.9, 100}),
            "             ────────────────────────── time, µs ───────────────────────────\n"
            "     bytes        min     median        p90      p99.9        max       mean\n");
}

}  // namespace
}  // namespace shipyard::bench
