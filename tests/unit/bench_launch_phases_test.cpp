#include "bench/launch/phases.hpp"

#include <gmock/gmock.h>

namespace shipyard::bench {
namespace {

const ProbeFacts kFacts{.machine = "boot",
                        .main = 1300,
                        .init = 500,
                        .message = 60,
                        .done = 550,
                        .finalize = 20,
                        .ranks = 4,
                        .nodes = 2,
                        .machines = 2,
                        .mpi_library = "Open MPI 4.1.4"};

TEST(ProbeLine, IsReadAsItWasWritten) {
  const auto facts = find_probe_line(format_probe_line(kFacts));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(*facts, kFacts);
}

TEST(ProbeLine, IsFoundAmongOthersAndBehindATag) {
  const auto facts = find_probe_line("hello\n[1,0]<stdout>: " + format_probe_line(kFacts) + "[1,1]: bye\n");
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(*facts, kFacts);
  auto line = format_probe_line(kFacts);
  line.replace(line.size() - 1, 1, "\r\n");
  EXPECT_EQ(*find_probe_line(line), kFacts);
}

TEST(ProbeLine, IsPrintable) {
  ProbeFacts facts = kFacts;
  facts.mpi_library = "MPI\033[31m";
  EXPECT_EQ(find_probe_line(format_probe_line(facts))->mpi_library, "MPI?[31m");
}

TEST(ProbeLine, IsMissed) {
  EXPECT_EQ(find_probe_line("").error().message, "it ended well, without a word of rank 0");
}

TEST(ProbeLine, SeveralAreRanksThatDoNotKnowEachOther) {
  const auto line = format_probe_line(kFacts);
  EXPECT_EQ(find_probe_line(line + line + line).error().message,
            "3 processes are rank 0, each of its own job");
}

TEST(ProbeLine, RejectsWhatIsNone) {
  const std::string good = format_probe_line(kFacts);
  ASSERT_NE(good.find(" 1300 500 60 550 20 4 2 2 "), std::string::npos);
  for (const char* bad :
       {"shipyard-launch-probe ", "shipyard-launch-probe boot 1 2 3",
        "shipyard-launch-probe  1 2 3 4 5 6 7 8 M", "shipyard-launch-probe boot 1300 -1 60 550 20 4 2 2 M",
        "shipyard-launch-probe boot 1300 5x 60 550 20 4 2 2 M",
        "shipyard-launch-probe boot 1300 500 60 550 20 0 2 2 M",
        "shipyard-launch-probe boot 99999999999999999999 500 60 550 20 4 2 2 M"})
    EXPECT_EQ(find_probe_line(bad).error().message, "what rank 0 says cannot be read") << bad;
}

TEST(MakeSample, PhasesAreParts) {
  const auto sample = make_sample({.begin = 1000, .end = 2000, .cpu = 7}, kFacts, "boot");
  EXPECT_EQ(sample.start, 300);
  EXPECT_EQ(sample.init, 500);
  EXPECT_EQ(sample.message, 60);
  EXPECT_EQ(sample.end, 150);
  EXPECT_EQ(sample.total, 1000);
  EXPECT_EQ(sample.cpu, 7);
}

TEST(MakeSample, AnotherMachinesClockSaysNothing) {
  const auto sample = make_sample({.begin = 1000, .end = 2000}, kFacts, "another boot");
  EXPECT_EQ(sample.start, std::nullopt);
  EXPECT_EQ(sample.end, std::nullopt);
  EXPECT_EQ(sample.init, 500);
  EXPECT_EQ(sample.total, 1000);
}

TEST(MakeSample, NorDoesAClockThatCannotBeTheSame) {
  EXPECT_EQ(make_sample({.begin = 1301, .end = 2000}, kFacts, "boot").start, std::nullopt);
  EXPECT_EQ(make_sample({.begin = 1000, .end = 1849}, kFacts, "boot").end, std::nullopt);
  EXPECT_EQ(make_sample({.begin = 1300, .end = 1850}, kFacts, "boot").start, 0);
}

std::vector<Sample> samples(std::vector<std::int64_t> totals) {
  std::vector<Sample> result;
  for (const auto total : totals)
    result.push_back(make_sample({.begin = 1000, .end = 1000 + total, .cpu = 2 * total}, kFacts, "boot"));
  return result;
}

TEST(Summarize, MediansOfPhasesAndTheWholeOfTotals) {
  const auto figures = summarize(samples({1500, 1000, 3500}));
  EXPECT_EQ(figures.at("min_ns"), 1000);
  EXPECT_EQ(figures.at("p50_ns"), 1500);
  EXPECT_EQ(figures.at("max_ns"), 3500);
  EXPECT_EQ(figures.at("mean_ns"), 2000);
  EXPECT_EQ(figures.at("cpu_ns"), 4000);
  EXPECT_EQ(figures.at("start_ns"), 300);
  EXPECT_EQ(figures.at("init_ns"), 500);
  EXPECT_EQ(figures.at("message_ns"), 60);
  EXPECT_EQ(figures.at("end_ns"), 650);
  EXPECT_EQ(figures.at("finalize_ns"), 20);
  EXPECT_EQ(figures.at("ranks"), 4);
  EXPECT_EQ(figures.at("nodes"), 2);
  EXPECT_EQ(figures.at("samples"), 3);
}

TEST(Summarize, LeavesOutWhatOneLaunchLacks) {
  auto all = samples({1000, 2000});
  all[1].start = all[1].end = std::nullopt;
  const auto figures = summarize(all);
  EXPECT_FALSE(figures.contains("start_ns"));
  EXPECT_FALSE(figures.contains("end_ns"));
  EXPECT_EQ(figures.at("init_ns"), 500);
}

}  // namespace
}  // namespace shipyard::bench
