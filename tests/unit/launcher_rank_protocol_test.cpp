#include "launcher/supervise/rank_protocol.hpp"

#include <gtest/gtest.h>

namespace shipyard::supervise {
namespace {

using Kind = RankMessage::Kind;

TEST(RankProtocol, WritesALineForEachMessage) {
  EXPECT_EQ(format_message({Kind::kRank, 7, "t0k", "node-1"}), "RANK t0k 7 node-1\n");
  EXPECT_EQ(format_message({Kind::kUnbound, 0, {}, "this node has 3 CPUs"}),
            "UNBOUND this node has 3 CPUs\n");
  EXPECT_EQ(format_message({Kind::kBound, 0, {}, "0-5,8-13"}), "BOUND 0-5,8-13\n");
  EXPECT_EQ(format_message({Kind::kBound, 0, {}, "4-5", "0-1"}), "BOUND 4-5 0-1\n");
  EXPECT_EQ(format_message({Kind::kExit, 3}), "EXIT 3\n");
  EXPECT_EQ(format_message({Kind::kSignal, 11}), "SIGNAL 11\n");
  EXPECT_EQ(format_message({Kind::kFail, 2, {}, "program"}), "FAIL 2 program\n");
}

TEST(RankProtocol, ReadsBackWhatItWrites) {
  for (const RankMessage& message :
       {RankMessage{Kind::kRank, 123456, "00ff", "node"}, RankMessage{Kind::kExit, 0},
        RankMessage{Kind::kUnbound, 0, {}, "why  not?"}, RankMessage{Kind::kBound, 0, {}, "0-5,8-13"},
        RankMessage{Kind::kBound, 0, {}, "4-5", "0-1"}, RankMessage{Kind::kExit, 255},
        RankMessage{Kind::kSignal, 9}, RankMessage{Kind::kFail, 13, {}, "directory"}}) {
    std::string line = format_message(message);
    line.pop_back();
    EXPECT_EQ(parse_message(line), message) << line;
  }
}

TEST(RankProtocol, KeepsControlCharactersOutOfLines) {
  EXPECT_EQ(format_message({Kind::kUnbound, 0, {}, "CPU list 'a\n\033[31m'"}),
            "UNBOUND CPU list 'a??[31m'\n");
  for (const char* line : {"FAIL 2 pro\ngram", "RANK t 1 no\033[31mde", "UNBOUND why\tnot\x7F"}) {
    EXPECT_EQ(parse_message(line), std::nullopt) << line;
  }
}

TEST(RankProtocol, SignsOfLifeAndStandardErrorAreMessagesToo) {
  EXPECT_EQ(format_message(RankMessage{RankMessage::Kind::kBeat}), "BEAT\n");
  EXPECT_EQ(parse_message("BEAT"), RankMessage{RankMessage::Kind::kBeat});
  EXPECT_EQ(parse_message("JOINED"), RankMessage{RankMessage::Kind::kJoined});
  EXPECT_EQ(parse_message("ABSENT"), RankMessage{RankMessage::Kind::kAbsent});
  EXPECT_EQ(format_message(RankMessage{RankMessage::Kind::kJoined}), "JOINED\n");
  EXPECT_EQ(format_message(RankMessage{RankMessage::Kind::kAbsent}), "ABSENT\n");
  const RankMessage errors{RankMessage::Kind::kStderr, 3, "secret"};
  EXPECT_EQ(format_message(errors), "STDERR secret 3\n");
  EXPECT_EQ(parse_message("STDERR secret 3"), errors);
  for (const char* line :
       {"BEAT ", "BEATS", "STDERR", "STDERR secret", "STDERR secret x", "STDERR secret 3 4"})
    EXPECT_FALSE(parse_message(line)) << line;
}

TEST(RankProtocol, TheLaunchersMessagesComeBackAsTheyWere) {
  for (const LauncherMessage& message :
       {LauncherMessage{LauncherMessage::Kind::kLive, 15000}, LauncherMessage{LauncherMessage::Kind::kBeat},
        LauncherMessage{LauncherMessage::Kind::kSignal, 10}}) {
    const std::string line = format_message(message);
    ASSERT_EQ(line.back(), '\n');
    EXPECT_EQ(parse_launcher_message(line.substr(0, line.size() - 1)), message) << line;
  }
  for (const char* line : {"", "LIVE", "LIVE 0", "LIVE -1", "LIVE x", "LIVE 1 2", "SIGNAL", "SIGNAL 0",
                           "SIGNAL 9x", "EXIT 0", "BEAT 1"})
    EXPECT_FALSE(parse_launcher_message(line)) << line;
}

TEST(RankProtocol, APreemptionHasItsTimeItsTypeItsEventAndWhatIsSaidOfIt) {
  const RankMessage full{.kind = Kind::kPreempt,
                         .number = 30,
                         .text = "Spot VM is being deleted.",
                         .type = "Preempt",
                         .event = "C7061BAC-AFDC"};
  EXPECT_EQ(format_message(full), "PREEMPT 30 Preempt C7061BAC-AFDC Spot VM is being deleted.\n");
  EXPECT_EQ(parse_message("PREEMPT 30 Preempt C7061BAC-AFDC Spot VM is being deleted."), full);
  const RankMessage bare{.kind = Kind::kPreempt, .number = 0, .type = "Reboot", .event = "e"};
  EXPECT_EQ(format_message(bare), "PREEMPT 0 Reboot e\n");
  EXPECT_EQ(parse_message("PREEMPT 0 Reboot e"), bare);
  for (const std::string& line :
       {std::string("PREEMPT"), std::string("PREEMPT "), std::string("PREEMPT 30"),
        std::string("PREEMPT 30 Preempt"), std::string("PREEMPT 30 Preempt "), std::string("PREEMPT 30  e"),
        std::string("PREEMPT -1 Preempt e"), std::string("PREEMPT 3x Preempt e"),
        std::string("PREEMPT 3601 Preempt e"), std::string("PREEMPT 99999999999 Preempt e"),
        std::string("PREEMPT 30 Pre\tempt e"), std::string("PREEMPT 30 Preempt e \033[2J"),
        "PREEMPT 30 Preempt e " + std::string(301, 'x'), "PREEMPT 30 Preempt " + std::string(257, 'e')})
    EXPECT_FALSE(parse_message(line)) << line;
}

TEST(RankProtocol, FreeTextComesOutAsItMayBeRead) {
  const RankMessage wild{.kind = Kind::kUnwatched, .text = "a\nb\033" + std::string(400, 'x')};
  std::string line = format_message(wild);
  line.pop_back();
  EXPECT_EQ(line, "UNWATCHED a?b?" + std::string(296, 'x'));
  ASSERT_TRUE(parse_message(line));
  EXPECT_EQ(parse_message(line)->kind, Kind::kUnwatched);
  EXPECT_EQ(parse_message("UNWATCHED http://169.254.169.254: Connection refused")->text,
            "http://169.254.169.254: Connection refused");
  EXPECT_FALSE(parse_message("UNWATCHED"));
  EXPECT_FALSE(parse_message("UNWATCHED "));
  EXPECT_FALSE(parse_message("UNWATCHED \033[2J"));
}

TEST(RankProtocol, SeveralSignsOfLifeFitIntoTheTimeThatIsWaited) {
  EXPECT_EQ(beat_interval(std::chrono::seconds(15)), std::chrono::seconds(3));
  EXPECT_GT(beat_interval(std::chrono::milliseconds(1)).count(), 0);
}

TEST(RankProtocol, RefusesAnythingElse) {
  for (const char* line : {"",
                           " ",
                           "RANK",
                           "RANK t 1",
                           "RANK t x host",
                           "RANK t -1 host",
                           "RANK t 1 host more",
                           "RANK  1 host x",
                           "UNBOUND",
                           "UNBOUND ",
                           "BOUND",
                           "BOUND ",
                           "BOUND x",
                           "BOUND 3-1",
                           "BOUND 0-1 ",
                           "BOUND 0-1 x",
                           "BOUND 0-1 2 3",
                           "BOUNDS 0",
                           "EXIT",
                           "EXIT ",
                           "EXIT x",
                           "EXIT 3 ",
                           "EXIT 3 4",
                           "EXIT 3\r",
                           "EXIT 99999999999",
                           "EXIT -1",
                           "exit 3",
                           "SIGNAL",
                           "SIGNAL 9x",
                           "FAIL 2",
                           "FAIL x program",
                           "GET / HTTP/1.1",
                           "SSH-2.0-OpenSSH_9.2"}) {
    EXPECT_FALSE(parse_message(line)) << line;
  }
}

}  // namespace
}  // namespace shipyard::supervise
