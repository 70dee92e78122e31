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
