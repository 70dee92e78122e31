#include "launcher/stage/protocol.hpp"

#include <gtest/gtest.h>

namespace shipyard::launcher::stage {
namespace {

TEST(StageProtocol, GivesBackARequest) {
  const Request request{Request::Verb::kCollect,
                        "/a b\"c",
                        "digest",
                        {"out*", "{a,b}"},
                        {"boot", "nfs4", "s:/e", "/p", 1, UINT64_MAX}};
  const auto parsed = parse_request(format_request(request));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, request);
}

TEST(StageProtocol, NamesAreBytes) {
  std::string name = "/";
  for (int byte = 1; byte < 256; ++byte) name += static_cast<char>(byte);
  Request request{.directory = name, .patterns = {name + "*", "h\xc3\xa4"}, .other_than = {.path = name}};
  const auto parsed = parse_request(format_request(request));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, request);
  const Answer answer{.problem = name, .place = {.path = name}, .below = name};
  EXPECT_EQ(*parse_answer(format_answer(answer)), answer);
  EXPECT_FALSE(parse_request(R"({"verb":"look","directory":"/\u20ac"})"));
}

TEST(StageProtocol, RefusesWhatItDoesNotWrite) {
  for (const auto* line : {"", "x", "[]", "{}", R"({"verb":"look"})", R"({"verb":"look","directory":"a"})",
                           R"({"verb":"remove","directory":"/a"})", R"({"verb":1,"directory":"/a"})",
                           R"({"verb":"collect","directory":"/a","patterns":[1]})"})
    EXPECT_FALSE(parse_request(line)) << line;
}

TEST(StageProtocol, GivesBackAnAnswerAmongOtherWords) {
  const Answer answer{"problem", "remedy", true, true, {"boot", "ext4", "/dev", "/p", 1, 2}, "a/b", 3, 4, 5};
  const auto parsed = parse_answer("Welcome\n" + format_answer(answer) + "bye\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, answer);
}

TEST(StageProtocol, AnAnswerOfOtherTypesHasNothingInIt) {
  const auto parsed =
      parse_answer(std::string(kAnswerMark) +
                   R"({"problem":1,"free_bytes":-1,"place":[],"is_there":"yes","matches":1.5})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, Answer{});
}

TEST(StageProtocol, WithoutAMarkThereIsNone) {
  EXPECT_FALSE(parse_answer(""));
  EXPECT_FALSE(parse_answer("{}\n"));
  EXPECT_FALSE(parse_answer("x" + std::string(kAnswerMark) + "{}"));
  EXPECT_FALSE(parse_answer(std::string(kAnswerMark) + "[1]"));
  EXPECT_FALSE(parse_answer(std::string(kAnswerMark) + std::string(kLongestLine + 1, ' ')));
}

}  // namespace
}  // namespace shipyard::launcher::stage
