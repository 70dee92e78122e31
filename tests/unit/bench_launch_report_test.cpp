#include "bench/launch/launch_report.hpp"

#include <gmock/gmock.h>

#include "bench/compare/report.hpp"

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMillisecond = 1'000'000;

Sample sample(std::int64_t total_ms, int nodes, int machines) {
  return {
      .start = 50 * kMillisecond,
      .init = 20 * kMillisecond,
      .message = 1234 * 1000,
      .end = (total_ms - 71) * kMillisecond,
      .finalize = kMillisecond,
      .total = total_ms * kMillisecond,
      .cpu = 3 * kMillisecond,
      .facts = {.ranks = 2 * nodes, .nodes = nodes, .machines = machines, .mpi_library = "Open MPI 4.1.4"}};
}

Measured measured(int nodes, std::vector<Sample> samples) {
  const auto counts = plan_counts({.nodes = {nodes}}, "shipyard-mpirun", {});
  return {counts->front(), std::move(samples)};
}

LaunchReport report() {
  return {.date = "2026-01-31T12:00:00+00:00",
          .host = "node0",
          .executable = "/bin/launch",
          .cpus = 2,
          .load = {0.5},
          .vm_size = "unknown",
          .pattern = {"shipyard-mpirun", "--nodes", "{nodes}"},
          .launches = 3,
          .warmup = 1,
          .counts = {measured(1, {sample(150, 1, 1), sample(100, 1, 1), sample(200, 1, 1)}),
                     measured(16, {sample(12345, 16, 16)})}};
}

TEST(LaunchTable, HasALineForEachCount) {
  EXPECT_EQ(launch_table(report()),
            "launch " SHIPYARD_VERSION
            "\n"
            "\n"
            "  MPI        Open MPI 4.1.4\n"
            "  command    shipyard-mpirun --nodes '{nodes}'\n"
            "  launches   3 of each count, by turns, after 1 that did not count\n"
            "\n"
            "               ───────────────── median, ms ─────────────────   ── total, ms ───\n"
            "nodes  ranks    start  MPI_Init   message       end     total       min      max\n"
            "    1      2     50.0      20.0     1.234      79.0     150.0     100.0    200.0\n"
            "   16     32     50.0      20.0     1.234   12274.0   12345.0   12345.0  12345.0\n");
}

TEST(LaunchTable, LeavesOutWhatWasNotMeasured) {
  auto early = report();
  early.left_out = "1 of 8 launches left out after a failure";
  early.counts[1].samples.clear();
  EXPECT_FALSE(early.is_empty());
  EXPECT_THAT(launch_table(early),
              HasSubstr("that did not count; 1 of 8\n             launches left out after a failure\n"));
  EXPECT_THAT(launch_table(early), testing::Not(HasSubstr("\n   16 ")));
  early.counts[0].samples.clear();
  EXPECT_TRUE(early.is_empty());
}

TEST(LaunchTable, APhaseThatIsNotKnownIsADash) {
  auto elsewhere = report();
  elsewhere.counts[0].samples[1].start = elsewhere.counts[0].samples[1].end = std::nullopt;
  EXPECT_THAT(
      launch_table(elsewhere),
      HasSubstr("    1      2        -      20.0     1.234         -     150.0     100.0    200.0\n"));
}

TEST(LaunchJson, IsAReportThatCanBeCompared) {
  const auto parsed = parse_report(launch_json(report()), "it");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->facts.at("benchmark"), "launch");
  EXPECT_EQ(parsed->facts.at("mpi_library"), "Open MPI 4.1.4");
  EXPECT_EQ(parsed->facts.at("nodes"), "1,16");
  EXPECT_EQ(parsed->facts.at("ranks"), "2,32");
  EXPECT_EQ(parsed->facts.at("command"), "shipyard-mpirun --nodes '{nodes}'");
  ASSERT_EQ(parsed->measurements.size(), 2);
  EXPECT_EQ(parsed->measurements[0].name, "launch/1");
  EXPECT_EQ(parsed->measurements[1].name, "launch/16");
  const auto& figures = parsed->measurements[0].figures;
  EXPECT_THAT(figures.at("p50_ns"), ElementsAre(150e6));
  EXPECT_THAT(figures.at("real_time"), ElementsAre(150e6));
  EXPECT_THAT(figures.at("cpu_time"), ElementsAre(3e6));
  EXPECT_THAT(figures.at("message_ns"), ElementsAre(1.234e6));
  EXPECT_THAT(figures.at("iterations"), ElementsAre(3));
}

TEST(LaunchJson, WhatWasNotMeasuredIsAnError) {
  auto early = report();
  early.left_out = "1 of 8 launches left out after a failure";
  early.counts[1].samples.clear();
  const auto text = launch_json(early);
  EXPECT_THAT(text,
              HasSubstr(R"("error_message": "not measured: 1 of 8 launches left out after a failure")"));
  EXPECT_THAT(text, HasSubstr(R"("notes": "1 of 8 launches left out after a failure")"));
  const auto parsed = parse_report(text, "it");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->measurements.size(), 1);
}

TEST(LaunchJson, TakesAnyByteInTheCommand) {
  auto odd = report();
  odd.pattern.emplace_back("\xff");
  EXPECT_TRUE(parse_report(launch_json(odd), "it"));
}

TEST(LaunchCsv, HasTheColumnsOfGoogleBenchmark) {
  auto early = report();
  early.left_out = "1 of 8 launches left out after a failure";
  early.counts[1].samples.clear();
  EXPECT_EQ(
      launch_csv(early),
      "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,label,"
      "error_occurred,error_message,\"end_ns\",\"finalize_ns\",\"init_ns\",\"max_ns\",\"message_ns\","
      "\"min_ns\",\"nodes\",\"p50_ns\",\"ranks\",\"samples\",\"start_ns\"\n"
      "\"launch/1\",3,150000000,3000000,ns,,,,,,79000000,1000000,20000000,200000000,1234000,100000000,"
      "1,150000000,2,3,50000000\n"
      "\"launch/16\",,,,,,,,true,\"not measured: 1 of 8 launches left out after a failure\",,,,,,,,,,,\n");
}

TEST(LaunchNotes, SayWhatTheFiguresAreNot) {
  EXPECT_THAT(notes_on(report().counts), IsEmpty());
  auto elsewhere = report();
  elsewhere.counts[1].samples[0].start = std::nullopt;
  EXPECT_THAT(notes_on(elsewhere.counts),
              ElementsAre("rank 0 ran on another machine, so start and end are not known"));
  EXPECT_THAT(notes_on({measured(4, {sample(90, 1, 1)})}), ElementsAre("launch/4: the ranks ran on 1 node"));
  EXPECT_THAT(notes_on({measured(1, {sample(90, 1, 1)}), measured(2, {sample(90, 2, 1)}),
                        measured(4, {sample(90, 4, 1), sample(90, 4, 1)})}),
              ElementsAre("nodes share a machine and its CPUs: launch/2,4"));
}

}  // namespace
}  // namespace shipyard::bench
