#include "batch/local/node_docker/message.hpp"

#include <gmock/gmock.h>

namespace shipyard::local::node_docker {
namespace {

const std::vector<Message> kAll = {Request{{"run", "", "\xff\xfe b\n"}, "/w d", {"A=1\n2", "B="}, 2},
                                   Request{},
                                   Signalled{15},
                                   Remark{std::string("a\0b", 3)},
                                   Ended{false, 17},
                                   Ended{true, 9}};

TEST(TakeMessage, ReadsWhatWasWritten) {
  std::string bytes;
  for (const auto& message : kAll) bytes += encode(message);
  for (const auto& message : kAll) {
    auto taken = take_message(bytes);
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_TRUE(*taken);
    EXPECT_TRUE(**taken == message);
  }
  EXPECT_EQ(bytes, "");
}

TEST(TakeMessage, WaitsForTheLastByte) {
  for (const auto& message : kAll) {
    const std::string whole = encode(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      std::string part = whole.substr(0, size);
      auto taken = take_message(part);
      ASSERT_TRUE(taken) << size;
      EXPECT_FALSE(*taken) << size;
      EXPECT_EQ(part.size(), size);
    }
  }
}

TEST(TakeMessage, RefusesWhatIsNoneOfOurs) {
  auto refused = [](std::string bytes) {
    auto taken = take_message(bytes);
    return !taken &&
           taken.error().message == "what came over the socket is no message of shipyard-node-docker";
  };
  EXPECT_TRUE(refused("GET / HTTP/1.1\r\n"));
  EXPECT_TRUE(refused(std::string(4, '\0')));
  std::string unknown = encode(Ended{});
  unknown[4] = '?';
  EXPECT_TRUE(refused(unknown));
  std::string longer = encode(Signalled{1});
  ++longer[0];
  EXPECT_TRUE(refused(longer + "x")) << "something behind the last field";
  EXPECT_TRUE(refused(encode(Request{{std::string("a\0b", 3)}, "/", {}, 0}))) << "no argument has a byte 0";
  EXPECT_TRUE(refused(encode(Request{{}, "/", {}, kMostFiles + 1})));
  std::string many = encode(Request{{"a"}, "/", {}, 0});
  many[5] = many[6] = many[7] = many[8] = '\xff';
  EXPECT_TRUE(refused(many)) << "more words than there are";
}

}  // namespace
}  // namespace shipyard::local::node_docker
