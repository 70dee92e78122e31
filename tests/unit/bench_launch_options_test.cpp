#include "bench/launch/launch_options.hpp"

#include <gmock/gmock.h>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

LaunchOptions good(const Words& words) {
  const auto options = parse_launch_options(words);
  EXPECT_TRUE(options) << options.error().message;
  return options ? *options : LaunchOptions{};
}

std::string error_of(const Words& words) {
  const auto options = parse_launch_options(words);
  return options ? "none" : options.error().message;
}

TEST(LaunchOptions, NeedNoneAtAll) {
  const auto options = good({});
  EXPECT_THAT(options.nodes, IsEmpty());
  EXPECT_THAT(options.ranks, IsEmpty());
  EXPECT_THAT(options.command, IsEmpty());
  EXPECT_EQ(options.launches, 5);
  EXPECT_EQ(options.warmup, 1);
  EXPECT_EQ(options.timeout, std::chrono::minutes(2));
  EXPECT_EQ(options.time_limit, Seconds(300));
}

TEST(LaunchOptions, CountsAreInOrderAndEachOnce) {
  EXPECT_THAT(good({"--nodes", "16,2,1,2"}).nodes, ElementsAre(1, 2, 16));
  EXPECT_THAT(good({"--ranks=3"}).ranks, ElementsAre(3));
}

TEST(LaunchOptions, TheCommandPassesUntouched) {
  const auto options = good({"-n", "3", "--timeout", "1.5", "--time-limit", "2m", "--format", "csv", "-o",
                             "f", "--ranks", "1", "--", "mpirun", "-np", "{ranks}", "--format", "--", "x"});
  EXPECT_THAT(options.command, ElementsAre("mpirun", "-np", "{ranks}", "--format", "--", "x"));
  EXPECT_EQ(options.launches, 3);
  EXPECT_EQ(options.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(options.time_limit, Seconds(120));
  EXPECT_EQ(options.format, Format::kCsv);
  EXPECT_EQ(options.out_file, "f");
  EXPECT_THAT(good({"mpirun", "-n", "{ranks}"}).command, ElementsAre("mpirun", "-n", "{ranks}"));
}

TEST(LaunchOptions, QuickIsOneLaunchUnlessToldOtherwise) {
  EXPECT_EQ(good({"--quick"}).launches, 1);
  EXPECT_EQ(good({"--quick"}).warmup, 0);
  EXPECT_EQ(good({"--launches", "2", "--quick"}).launches, 2);
  EXPECT_EQ(good({"--quick", "--warmup", "3"}).warmup, 3);
}

TEST(LaunchOptions, RejectsWhatIsNoCount) {
  EXPECT_EQ(error_of({"--nodes", "0"}), "--nodes: '0' is not a whole number from 1 to 100000");
  EXPECT_EQ(error_of({"--nodes", "1,,2"}), "--nodes: '' is not a whole number from 1 to 100000");
  EXPECT_EQ(error_of({"--ranks", "1,two"}), "--ranks: 'two' is not a whole number from 1 to 10000000");
  EXPECT_EQ(error_of({"--ppn", "core"}), "--ppn: 'core' is not a whole number from 1 to 10000");
  EXPECT_EQ(error_of({"--launches", "0"}), "--launches: '0' is not a whole number from 1 to 1000");
}

TEST(LaunchOptions, RejectsOtherWrongValues) {
  EXPECT_EQ(error_of({"--timeout", "soon"}), "--timeout 'soon': a time above 0, such as 90s or 5m, expected");
  EXPECT_EQ(error_of({"--time-limit", "0"}), "--time-limit '0': a time above 0, such as 90s or 5m, expected");
  EXPECT_EQ(error_of({"--format", "osu"}), "--format 'osu' is not among: table, json, csv");
  EXPECT_EQ(error_of({"--out", ""}), "--out: the name of a file expected");
}

TEST(LaunchOptions, NodesAndRanksExcludeEachOther) {
  EXPECT_EQ(error_of({"--nodes", "1", "--ranks", "2"}),
            "--nodes and --ranks: one of them; ranks are nodes times --ppn");
}

TEST(LaunchOptions, NodesOfRanksTakePpn) {
  EXPECT_EQ(error_of({"--ranks", "2", "--", "srun", "-N{nodes}"}),
            "{nodes} is not known from --ranks alone: --ppn is missing");
  EXPECT_EQ(error_of({"--ranks", "2", "--", "srun", "{ppn}"}),
            "{ppn} is not known from --ranks alone: --ppn is missing");
  EXPECT_EQ(error_of({"--ranks", "2", "--ppn", "2", "--", "srun", "-N{nodes}"}), "none");
}

}  // namespace
}  // namespace shipyard::bench
