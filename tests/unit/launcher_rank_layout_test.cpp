#include "launcher/rank/rank_layout.hpp"

#include <gtest/gtest.h>

#include <random>

namespace shipyard::rank {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

void expect_settings(const Result<RankSettings>& found, const RankSettings& expected) {
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->cpus, expected.cpus);
  EXPECT_EQ(found->usable, expected.usable);
  EXPECT_EQ(found->variables, expected.variables);
}

LayoutTable two_kinds_of_nodes() {
  return {.layouts = {{"0-7",
                       {{.cpus = "0-3", .variables = {{"OMP_NUM_THREADS", "4"}}},
                        {.cpus = "4-7", .variables = {{"OMP_NUM_THREADS", "4"}}}}},
                      {"0-2,8", {{.cpus = "0"}, {.cpus = "1-2,8"}, {.cpus = "8"}}}},
          .runs = {{0, 2}, {1, 1}, {0, 1}}};
}

TEST(LayoutTable, SaysNothingTwice) {
  EXPECT_EQ(format_layout_table(two_kinds_of_nodes()),
            "1/0x2,1,0/0-7:0-3+OMP_NUM_THREADS=4:4-7/0-2,8:0:1-2,8:8/");
}

TEST(LayoutTable, EveryRankFindsItsOwn) {
  const LayoutTable table = two_kinds_of_nodes();
  const std::string text = format_layout_table(table);
  int rank = 0;
  for (const auto& run : table.runs) {
    for (int node = 0; node < run.nodes; ++node) {
      const auto& layout = table.layouts[static_cast<std::size_t>(run.layout)];
      for (RankSettings expected : layout.ranks) {
        expected.usable = layout.usable;
        expect_settings(find_rank_settings(text, rank++), expected);
      }
    }
  }
  ASSERT_EQ(rank, 9);
  auto beyond = find_rank_settings(text, rank);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message, "SHIPYARD_LAYOUT has no rank 9, but 9 ranks");
  EXPECT_FALSE(find_rank_settings(text, -1));
}

TEST(LayoutTable, VariablesOfOneRankAreNotTheNextOnes) {
  const std::string text = format_layout_table(
      {.layouts = {{"0-3",
                    {{.cpus = "0", .variables = {{"CUDA_VISIBLE_DEVICES", "0,1"}}},
                     {.cpus = "1", .variables = {{"CUDA_VISIBLE_DEVICES", "2"}, {"EMPTY", ""}}},
                     {.cpus = "2"},
                     {.cpus = "3"}}}},
       .runs = {{0, 1}}});
  EXPECT_EQ(text, "1/0/0-3:0+CUDA_VISIBLE_DEVICES=0,1:1+CUDA_VISIBLE_DEVICES=2+EMPTY=:2+:3/");
  expect_settings(find_rank_settings(text, 0),
                  {.cpus = "0", .usable = "0-3", .variables = {{"CUDA_VISIBLE_DEVICES", "0,1"}}});
  expect_settings(
      find_rank_settings(text, 1),
      {.cpus = "1", .usable = "0-3", .variables = {{"CUDA_VISIBLE_DEVICES", "2"}, {"EMPTY", ""}}});
  expect_settings(find_rank_settings(text, 2), {.cpus = "2", .usable = "0-3"});
  expect_settings(find_rank_settings(text, 3), {.cpus = "3", .usable = "0-3"});
}

TEST(LayoutTable, AnyValueComesBackAndNoneNeedsQuotes) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  const std::string text = format_layout_table(
      {.layouts = {{"", {{.variables = {{"_A1", all}, {"B", "{0},{1}"}}}}}}, .runs = {{0, 1}}});
  for (char c : text)
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) ||
                std::string("/:+=%_-.,").find(c) != std::string::npos)
        << c;
  expect_settings(find_rank_settings(text, 0), {.variables = {{"_A1", all}, {"B", "{0},{1}"}}});
}

TEST(LayoutTable, ARankThatIsNotBoundMayHaveVariables) {
  const std::string text = format_layout_table(
      {.layouts = {{"0-3", {{}, {.variables = {{"A", "1"}}}, {.variables = {{"A", "1"}}}}}},
       .runs = {{0, 1}}});
  EXPECT_EQ(text, "1/0/0-3::+A=1:/");
  expect_settings(find_rank_settings(text, 0), {.usable = "0-3"});
  expect_settings(find_rank_settings(text, 2), {.usable = "0-3", .variables = {{"A", "1"}}});
}

TEST(LayoutTable, NodesWithoutRanksArePassedOver) {
  const std::string text = format_layout_table(
      {.layouts = {{"0-3", {}}, {"0-1", {{.cpus = "0"}}}}, .runs = {{0, 3}, {1, 1}, {0, 1}, {1, 1}}});
  expect_settings(find_rank_settings(text, 1), {.cpus = "0", .usable = "0-1"});
  EXPECT_FALSE(find_rank_settings(text, 2));
}

TEST(LayoutTable, AThousandEqualNodesNeedNoLongerATextThanOne) {
  LayoutTable table{.layouts = {{"0-367", {}}}, .runs = {{0, 1000}}};
  for (int core = 0; core < 368; ++core) table.layouts[0].ranks.push_back({.cpus = std::to_string(core)});
  const std::string text = format_layout_table(table);
  EXPECT_LT(text.size(), 1500u);
  expect_settings(find_rank_settings(text, 367'999), {.cpus = "367", .usable = "0-367"});
  EXPECT_EQ(find_rank_settings(text, 368'000).error().message,
            "SHIPYARD_LAYOUT has no rank 368000, but 368000 ranks");
}

TEST(FindRankSettings, NamesThePlaceOfAFault) {
  const struct {
    const char* text;
    const char* message;
    std::size_t offset;
  } cases[] = {
      {"1/", "SHIPYARD_LAYOUT: the number of a layout expected", 2},
      {"1/x/", "SHIPYARD_LAYOUT: the number of a layout expected", 2},
      {"1/00/0:0/", "SHIPYARD_LAYOUT: the number of a layout expected", 2},
      {"1/-0/0:0/", "SHIPYARD_LAYOUT: the number of a layout expected", 2},
      {"1/0,/0:0/", "SHIPYARD_LAYOUT: the number of a layout expected", 4},
      {"1/0x/0:0/", "SHIPYARD_LAYOUT: a number of nodes expected", 4},
      {"1/0x1/0:0/", "SHIPYARD_LAYOUT: a number of nodes expected", 4},
      {"1/0x1048577/0:0/", "SHIPYARD_LAYOUT: a number of nodes expected", 4},
      {"1/0 /0:0/", "SHIPYARD_LAYOUT: ',' or '/' expected", 3},
      {"1/0", "SHIPYARD_LAYOUT: ',' or '/' expected", 3},
      {"1/0/0-:0/", "SHIPYARD_LAYOUT: a list of CPUs expected", 4},
      {"1/0/0-3:0-1:2-3", "SHIPYARD_LAYOUT: ':' or '/' expected", 15},
      {"1/0/0-3:0-1:2-3;/", "SHIPYARD_LAYOUT: a list of CPUs expected", 12},
      {"1/0/0-3:0-1:3-2/", "SHIPYARD_LAYOUT: a list of CPUs expected", 12},
      {"1/0/0-3:0-1+ib:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1++A=1:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A=1+:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 16},
      {"1/0/0-3:0-1+A:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+=1:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+1A=1:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A-B=1:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A=$:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A=%2:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A=%2f:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A=%00:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1+A=%41:2/", "SHIPYARD_LAYOUT: NAME=VALUE expected", 12},
      {"1/0/0-3:0-1/rest", "SHIPYARD_LAYOUT: a list of CPUs expected", 12},
  };
  for (const auto& [text, message, offset] : cases) {
    auto found = find_rank_settings(text, 0);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().message, message) << text;
    EXPECT_EQ(found.error().excerpt.text, text);
    EXPECT_EQ(found.error().excerpt.offset, offset) << text;
  }
}

TEST(FindRankSettings, RefusesAnotherVersionsTable) {
  for (const char* text : {"", "1", "2/0/0:0/", "0", "11/0/0:0/"}) {
    auto found = find_rank_settings(text, 0);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().message, "SHIPYARD_LAYOUT is of another version of shipyard-mpirun");
    EXPECT_EQ(found.error().hint, "the same version must be installed on every node");
  }
}

TEST(FindRankSettings, RefusesARunOfALayoutThatIsNotThere) {
  auto found = find_rank_settings("1/0,1/0:0/", 0);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "SHIPYARD_LAYOUT: there is no layout 1, but 1 in all");
}

TEST(FindRankSettings, NoTextThatWasCutOffPassesForAnother) {
  const std::string text = format_layout_table(two_kinds_of_nodes());
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(find_rank_settings(std::string_view(text).substr(0, length), 0)) << length;
  }
}

/// Whatever is accepted must be what format_layout_table writes: read back, written again, it gives the same
/// settings.
TEST(FindRankSettings, SurvivesGarbage) {
  std::mt19937 random(20261123);  // NOLINT: the same on every run
  const std::string characters = "0123456789/:+,-x=%ibA_Z. \n";
  auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  const std::string good = format_layout_table(two_kinds_of_nodes());
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::size_t change = 0; change <= below(3); ++change) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text[at] = characters[below(characters.size())];
          break;
        case 1:
          text.erase(at, 1 + below(4));
          break;
        default:
          text.insert(at, 1, characters[below(characters.size())]);
      }
      if (text.empty()) text = "/";
    }
    for (int rank : {0, 4, 8}) {
      auto found = find_rank_settings(text, rank);
      if (!found) continue;
      ++accepted;
      const std::string usable = found->usable;
      RankSettings one = *found;
      one.usable.clear();
      expect_settings(
          find_rank_settings(format_layout_table({.layouts = {{usable, {one}}}, .runs = {{0, 1}}}), 0),
          *found);
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace shipyard::rank
