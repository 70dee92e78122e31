#include "launcher/stage/decision.hpp"

#include <gtest/gtest.h>

namespace shipyard::launcher::stage {
namespace {

const Place kHere{"boot 0", "ext4", "/dev/sda1", "/case", 1, 100};
constexpr std::uint64_t kGb = 1'000'000'000;

Listing source() { return {10, kGb, "names", "entries"}; }

Answer with_room(int machine) {
  return {.place = {"boot " + std::to_string(machine), "ext4", "/dev/sda1", "/", 1, 2},
          .below = "case",
          .free_bytes = 5 * kGb,
          .free_inodes = 1000};
}

std::vector<NodeStage> decided(const std::vector<Answer>& answers, const Place& here = kHere) {
  std::vector<std::string> nodes;
  for (std::size_t i = 0; i < answers.size(); ++i) nodes.push_back("node-" + std::to_string(i + 1));
  const auto decision = decide_stage(nodes, answers, source(), here, "/case");
  std::vector<NodeStage> what;
  EXPECT_TRUE(decision);
  if (decision) {
    for (const auto& node : *decision) what.push_back(node.what);
  }
  return what;
}

TEST(DecideStage, EachNodeWithADiskOfItsOwnReceives) {
  EXPECT_EQ(decided({with_room(1), with_room(2)}), (std::vector{NodeStage::kReceives, NodeStage::kReceives}));
}

TEST(DecideStage, OneThatHasTheSameFilesIsLeftAlone) {
  Answer answer = with_room(1);
  answer.is_there = true;
  answer.has_all = true;
  answer.free_bytes = 0;
  EXPECT_EQ(decided({answer}), std::vector{NodeStage::kPresent});
  answer.has_all = false;
  answer.free_bytes = 5 * kGb;
  EXPECT_EQ(decided({answer}), std::vector{NodeStage::kReceives});
}

TEST(DecideStage, OneThatSeesTheDirectoryItselfIsNeverWrittenTo) {
  Place nfs{"boot 0", "nfs4", "10.0.0.4:/export", "/case", 7, 100};
  Answer answer = with_room(1);
  answer.is_there = true;
  answer.place = nfs;
  answer.place.boot = "boot 1";
  answer.below = "";
  EXPECT_EQ(decided({answer}, nfs), std::vector{NodeStage::kShared});
}

TEST(DecideStage, OfNodesWithOneTargetOneReceives) {
  Answer answer = with_room(1);
  answer.place = {"boot 1", "nfs4", "10.0.0.4:/export", "/", 7, 2};
  Answer other = answer;
  other.place.boot = "boot 2";
  EXPECT_EQ(decided({answer, other, with_room(3)}),
            (std::vector{NodeStage::kReceives, NodeStage::kBeside, NodeStage::kReceives}));
  other.below = "another/case";
  EXPECT_EQ(decided({answer, other}), (std::vector{NodeStage::kReceives, NodeStage::kReceives}));
}

TEST(DecideStage, NodesWithoutRoomAreNamedBeforeAnythingIsSent) {
  Answer full = with_room(2);
  full.free_bytes = kGb / 2;
  Answer no_inodes = with_room(3);
  no_inodes.free_inodes = 10;
  const auto decision =
      decide_stage({"a", "b", "c"}, {with_room(1), full, no_inodes}, source(), kHere, "/case");
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().message, "no room for 1.0 GB at /case on b (500 MB free) and c (no inodes)");
}

TEST(DecideStage, ATargetThatALinkLeadsIntoTheDirectoryIsRefused) {
  const auto message = [](const std::string& path, const std::string& below, Place place = kHere) {
    Answer answer = with_room(1);
    answer.place = place;
    answer.place.path = path;
    answer.place.inode = 5;
    answer.below = below;
    const auto decision = decide_stage({"a"}, {answer}, source(), kHere, "/link");
    return decision ? std::string() : decision.error().message;
  };
  const std::string refused = "one of DIR and /link is within the other on a";
  EXPECT_EQ(message("/case/sub", ""), refused);
  EXPECT_EQ(message("/case", "new/one"), refused);
  EXPECT_EQ(message("/", ""), refused);
  EXPECT_EQ(message("/", "case2"), "");
  EXPECT_EQ(message("/cases", ""), "");
  Place other = kHere;
  other.boot = "boot 1";
  EXPECT_EQ(message("/case/sub", "", other), "");
}

TEST(SizeText, PowersOfTen) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(999), "999 bytes");
  EXPECT_EQ(size_text(1500), "1.5 kB");
  EXPECT_EQ(size_text(999'600), "1.0 MB");
  EXPECT_EQ(size_text(12'345'678'901), "12 GB");
}

TEST(StageText, SaysWhatWasDone) {
  EXPECT_EQ(
      stage_text("case", source(),
                 {{"a", NodeStage::kReceives}, {"b", NodeStage::kReceives}, {"c", NodeStage::kPresent}}),
      "case (10 files, 1.0 GB): brought to 2 nodes, there already on 1 node");
  EXPECT_EQ(stage_text("case", source(), {{"a", NodeStage::kShared}}),
            "case (10 files, 1.0 GB): shared with 1 node");
}

}  // namespace
}  // namespace shipyard::launcher::stage
