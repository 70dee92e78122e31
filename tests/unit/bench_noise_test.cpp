#include "bench/noise/noise.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

namespace shipyard::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CpuSet cpus(std::initializer_list<int> list) {
  CpuSet set;
  for (const int cpu : list) set.set(static_cast<std::size_t>(cpu));
  return set;
}
RankPlace place(int node, const std::string& machine, std::initializer_list<int> list) {
  return {.host = "node" + std::to_string(node), .node = node, .machine = machine, .cpus = cpus(list)};
}
Share share(int rank, std::vector<int> list) { return {.rank = rank, .cpus = std::move(list)}; }

TEST(ShareCpus, GivesABoundRankItsOwnAndAnUnboundOneAll) {
  EXPECT_THAT(share_cpus({place(0, "a", {0}), place(0, "a", {3, 1})}),
              ElementsAre(share(0, {0}), share(1, {1, 3})));
  EXPECT_THAT(share_cpus({place(0, "a", {0, 1})}), ElementsAre(share(0, {0, 1})));
}

TEST(ShareCpus, GivesWhatSeveralMayUseToTheLowest) {
  EXPECT_THAT(share_cpus({place(0, "a", {0, 1}), place(0, "a", {0, 1})}), ElementsAre(share(0, {0, 1})));
  EXPECT_THAT(share_cpus({place(0, "a", {1}), place(0, "a", {0, 1, 2}), place(0, "a", {2})}),
              ElementsAre(share(0, {1}), share(1, {0, 2})));
}

TEST(ShareCpus, KeepsMachinesApartAndContainersOnOneMachineTogether) {
  EXPECT_THAT(share_cpus({place(0, "a", {0}), place(1, "b", {0})}),
              ElementsAre(share(0, {0}), share(1, {0})));
  EXPECT_THAT(share_cpus({place(0, "", {0}), place(1, "", {0})}), ElementsAre(share(0, {0}), share(1, {0})));
  EXPECT_THAT(share_cpus({place(0, "a", {0, 1}), place(1, "a", {1, 2})}),
              ElementsAre(share(0, {0, 1}), share(1, {2})));
  EXPECT_THAT(share_cpus({place(0, "a", {})}), IsEmpty());
}

TEST(ShareCpus, SaysWhichNodesHaveNone) {
  const Placement apart{place(0, "a", {0}), place(1, "b", {0})};
  EXPECT_THAT(share_notes(apart, share_cpus(apart)), IsEmpty());
  const Placement together{place(0, "a", {0}), place(1, "a", {0})};
  EXPECT_THAT(
      share_notes(together, share_cpus(together)),
      ElementsAre("1 of 2 nodes has no CPU of its own (containers on one machine): each CPU is measured "
                  "once"));
}

TEST(Detours, AreCountedByPowersOfTwo) {
  Detours detours{.elapsed_ns = 1e6};
  for (const double ns : {127.9, 128.0, 255.9, 256.0, 0.3, 1e30}) detours.add(ns);
  EXPECT_EQ(detours.bins[6], 1);
  EXPECT_EQ(detours.bins[7], 2);
  EXPECT_EQ(detours.bins[8], 1);
  EXPECT_EQ(detours.bins[0], 1);
  EXPECT_EQ(detours.bins[Detours::kBins - 1], 1) << "what is longer than the last bin";
  EXPECT_EQ(detours.count, 6);
}

TEST(Detours, AddUpToTheTimeLost) {
  Detours detours{.elapsed_ns = 1e6, .loop_ns = 10};
  EXPECT_EQ(detours.lost_percent(), 0);
  detours.add(4000);
  detours.add(6000);
  EXPECT_DOUBLE_EQ(detours.lost_percent(), 1);
  EXPECT_EQ(detours.longest_ns, 6000);
  EXPECT_EQ(detours.threshold_ns(), 90);
}

TEST(WorkRecord, KnowsAllTimes) {
  WorkRecord record;
  for (int i = 100; i > 0; --i) record.add(i);
  const auto times = record.times();
  EXPECT_EQ(times, (WorkTimes{.min = 1, .p50 = 50, .p99 = 99, .max = 100, .mean = 50.5}));
  EXPECT_DOUBLE_EQ(times.noise_percent(), 4950);
}

TEST(WorkRecord, KeepsAShareOfManyAndTheExtremesOfAll) {
  WorkRecord record(8);
  std::vector<double> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(i == 7777 ? 1e6 : i == 3 ? 0.5 : 1000 + i);
    record.add(all.back());
  }
  const auto times = record.times();
  EXPECT_EQ(times.min, 0.5);
  EXPECT_EQ(times.max, 1e6);
  EXPECT_NEAR(times.mean, 5999.5 + (1e6 - 8777) / 10'000, 1);
  EXPECT_NEAR(times.p50, 6000, 2000) << "of what it kept, over the whole time";
}

TEST(Numbers, ComeBackAsTheyWere) {
  Detours detours{.elapsed_ns = 5e9, .loop_ns = 9.5};
  detours.add(300);
  detours.add(7e6);
  const WorkTimes work{.steps = 12345, .min = 1, .p50 = 2, .p99 = 3, .max = 4, .mean = 2.5};
  std::vector<double> numbers;
  append(numbers, detours);
  append(numbers, work);
  append(numbers, detours);
  const double* at = numbers.data();
  EXPECT_EQ(take_detours(at), detours);
  EXPECT_EQ(take_work_times(at), work);
  EXPECT_EQ(take_detours(at), detours);
  EXPECT_EQ(at, numbers.data() + numbers.size());
}

/// A CPU of a machine with little noise; each a bit unlike the others.
CpuNoise quiet(int cpu) {
  CpuNoise noise{
      .rank = 0, .cpu = cpu, .core = cpu, .detours = {.elapsed_ns = 1e9, .loop_ns = 10}, .work = {}};
  noise.detours.add(20'000 + 1000 * (cpu % 5));
  noise.detours.add(200);
  const double least = 100'000 + 10 * (cpu % 3);
  noise.work = {.steps = 1000,
                .min = least,
                .p50 = least + 20,
                .p99 = least + 9000,
                .max = least + 20'000,
                .mean = least + 100};
  return noise;
}
std::vector<CpuNoise> machine(int count) {
  std::vector<CpuNoise> all;
  for (int cpu = 0; cpu < count; ++cpu) all.push_back(quiet(cpu));
  return all;
}
const Placement kOneNode{place(0, "a", {0})};

TEST(JudgeNoise, FindsNothingWhereAllAreAlike) {
  for (const int count : {0, 1, 2, 3, 16, 480}) {
    const auto verdict = judge_noise(machine(count));
    EXPECT_THAT(verdict.noisy, IsEmpty()) << count;
    EXPECT_THAT(verdict.slow, IsEmpty()) << count;
  }
}

TEST(JudgeNoise, FindsTheNoisyWorstFirst) {
  auto all = machine(8);
  all[2].detours.add(5e6);
  all[5].detours.add(2e7);
  const auto verdict = judge_noise(all);
  EXPECT_THAT(verdict.noisy, ElementsAre(5, 2));
  EXPECT_THAT(verdict.slow, IsEmpty());
  EXPECT_THAT(noise_notes(all, verdict, kOneNode),
              ElementsAre("CPU 5 of node0 loses much: 2 % of its time, typical are 0.0023 %",
                          "CPU 2 of node0 loses much: 0.502 % of its time, typical are 0.0023 %"));
}

TEST(JudgeNoise, NeedsMoreThanAThousandthOfTheTime) {
  auto all = machine(8);
  all[2].detours.add(0.9e6);
  EXPECT_THAT(judge_noise(all).noisy, IsEmpty());
  all[2].detours.add(0.2e6);
  EXPECT_THAT(judge_noise(all).noisy, ElementsAre(2));
}

TEST(JudgeNoise, NeedsTwiceTheMedian) {
  auto all = machine(8);
  for (auto& cpu : all) cpu.detours.add(1e7);
  all[2].detours.add(0.9e7);
  EXPECT_THAT(judge_noise(all).noisy, IsEmpty());
  all[2].detours.add(0.2e7);
  EXPECT_THAT(judge_noise(all).noisy, ElementsAre(2));
}

TEST(JudgeNoise, FindsNothingWhereAllDiffer) {
  auto all = machine(8);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].detours.add(1e6 * static_cast<double>(i * i));
  EXPECT_THAT(judge_noise(all).noisy, IsEmpty()) << "within three deviations";
}

TEST(JudgeNoise, FindsTheSlow) {
  auto all = machine(4);
  all[3].work.p50 = 109'000;
  EXPECT_THAT(judge_noise(all).slow, IsEmpty());
  all[3].work.p50 = 125'000;
  const auto verdict = judge_noise(all);
  EXPECT_THAT(verdict.slow, ElementsAre(3));
  EXPECT_THAT(noise_notes(all, verdict, kOneNode),
              ElementsAre("CPU 3 of node0 is slow: 125.0 µs for the fixed work, typical are 100.0 µs"));
}

TEST(JudgeNoise, HasNothingToCompareTwoCpusWith) {
  auto all = machine(2);
  all[1].detours.add(5e8);
  EXPECT_THAT(judge_noise(all).noisy, IsEmpty());
}

TEST(NoiseNotes, NameTenAndCountTheRest) {
  auto all = machine(100);
  for (std::size_t i = 0; i < 12; ++i) all[i].detours.add(1e7 + static_cast<double>(i));
  const auto lines = noise_notes(all, judge_noise(all), kOneNode);
  ASSERT_EQ(lines.size(), 11u);
  EXPECT_EQ(lines.back(), "CPUs that lose much: 2 more");
}

TEST(NoiseUnmet, NamesWhatLosesMoreWorstFirst) {
  auto all = machine(3);
  all[0].detours.add(2e7);
  all[2].detours.add(5e7);
  EXPECT_THAT(noise_unmet(all, 10, kOneNode), IsEmpty());
  EXPECT_THAT(noise_unmet(all, 1.5, kOneNode),
              ElementsAre("--expect-noise 1.5 %: CPU 2 of node0 loses 5 % of its time",
                          "--expect-noise 1.5 %: CPU 0 of node0 loses 2 % of its time"));
  EXPECT_EQ(noise_unmet(machine(11), 0, kOneNode).back(), "--expect-noise: 1 more");
}

TEST(NoiseFigures, AreTheSameOfAllCpus) {
  auto all = machine(3);
  all[1].detours.add(5000);
  all[2].detours.add(2e6);
  all[2].detours.add(2e9);
  const auto figures = noise_figures(all, judge_noise(all));
  ASSERT_EQ(figures.size(), 3u);
  for (const auto& one : figures) {
    ASSERT_EQ(one.size(), figures[0].size());
    for (const auto& [name, value] : figures[0]) EXPECT_TRUE(one.contains(name)) << name;
  }
  EXPECT_EQ(figures[0].at("detours_from_128ns"), 1);
  EXPECT_EQ(figures[0].at("detours_from_16384ns"), 1);
  EXPECT_EQ(figures[0].at("detours_from_512ns"), 0) << "without gaps";
  EXPECT_EQ(figures[2].at("detours_from_1073741824ns"), 1);
  EXPECT_FALSE(figures[0].contains("detours_from_64ns"));
  EXPECT_FALSE(figures[0].contains("detours_from_2147483648ns"));
  EXPECT_EQ(figures[2].at("noisy"), 1);
  EXPECT_EQ(figures[1].at("noisy"), 0);
  EXPECT_EQ(figures[1].at("detours_per_s"), 3);
}

std::string text_of(const std::vector<CpuNoise>& all, const Placement& placement = kOneNode) {
  return noise_text(all, judge_noise(all), placement);
}
std::size_t widest(const std::string& text) {
  std::istringstream lines(text);
  std::size_t most = 0;
  for (std::string line; std::getline(lines, line);) {
    std::size_t width = 0;
    for (const char c : line) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    most = std::max(most, width);
  }
  return most;
}

TEST(NoiseText, HasARowForEachOfFew) {
  EXPECT_EQ(text_of(machine(3)), R"(
                     ────────── detours ───────────   ─────── fixed work ───────
node           CPU      per s    lost %  longest µs  median µs   p99 µs  mean +%
node0            0          2    0.0020        20.0     100.02    109.0     0.10
node0            1          2    0.0021        21.0     100.03    109.0     0.10
node0            2          2    0.0022        22.0     100.04    109.0     0.10

  A detour takes more than 90 ns, 9 times what the loop takes.
  No CPU stands out.
)");
}

TEST(NoiseText, OfManyHasTheWorstTenAndTheDistribution) {
  auto all = machine(480);
  all[100].detours.add(3e7);
  const std::string text = text_of(all);
  EXPECT_THAT(
      text,
      HasSubstr("\nnode0          100          3    3.0020     30000.0     100.03    109.0     0.10\n"));
  EXPECT_THAT(text,
              HasSubstr("\nThose were the ten CPUs that lose most. Of all 480, each column by itself:\n\n"
                        "median                      2    0.0022        22.0     100.03    109.0     0.10\n"
                        "90 %  "));
  EXPECT_THAT(
      text,
      HasSubstr("\nworst                       3    3.0020     30000.0     100.04    109.0     0.10\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3 + 10 + 3 + 4 + 2);
}

TEST(NoiseText, FitsIn80ColumnsWhateverIsMeasured) {
  auto all = machine(3);
  all[1].detours.elapsed_ns = 1e9;
  for (int i = 0; i < 999; ++i) all[1].detours.add(999'999);
  all[1].detours.count = 99'999'999;
  all[2].work = {
      .steps = 1, .min = 1e5, .p50 = 99'999'000, .p99 = 99'999'000, .max = 1e9, .mean = 99'999'000};
  const Placement placement{
      {.host = "tvmps_0123456789abcdef_d-000017", .node = 0, .machine = "", .cpus = {}}};
  const std::string text = text_of(all, placement);
  EXPECT_LE(widest(text), 80u) << text;
  EXPECT_THAT(text, HasSubstr("…000017 ")) << text;
}

TEST(NoiseText, SaysThatCpusAreHardwareThreads) {
  auto all = machine(4);
  EXPECT_EQ(text_of(all).find("hardware threads"), std::string::npos);
  for (auto& cpu : all) cpu.core = cpu.cpu / 2;
  EXPECT_THAT(text_of(all),
              HasSubstr("  The CPUs are hardware threads, 2 to a core, and were measured together.\n"));
  for (auto& cpu : all) cpu.core = -1;
  EXPECT_EQ(text_of(all).find("hardware threads"), std::string::npos);
}

}  // namespace
}  // namespace shipyard::bench
