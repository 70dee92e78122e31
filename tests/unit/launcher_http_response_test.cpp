#include "launcher/preempt/http_response.hpp"

#include <gtest/gtest.h>

namespace shipyard::preempt {
namespace {

/// "200 body", "more" or the error's message.
std::string read(std::string_view received, bool closed) {
  const auto parsed = parse_http_response(received, closed);
  if (!parsed) return parsed.error().message;
  if (!*parsed) return "more";
  return std::to_string((*parsed)->status) + " " + (*parsed)->body;
}

constexpr std::string_view kLength =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 4 \r\n\r\nvm_0";
constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;name=value\r\nvm_\r\n01\r\n0\r\n0\r\nTrailer: x\r\n\r\n";

TEST(ParseHttpResponse, ReadsABodyOfAGivenLength) {
  EXPECT_EQ(read(kLength, false), "200 vm_0");
  // What comes behind it is not ours.
  EXPECT_EQ(read(std::string(kLength) + "HTTP/1.1", false), "200 vm_0");
  EXPECT_EQ(read("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false), "200 ");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", false), "200 ab");
}

TEST(ParseHttpResponse, ReadsChunks) {
  EXPECT_EQ(read(kChunked, false), "200 vm_0");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", false),
            "200 0123456789");
}

TEST(ParseHttpResponse, ReadsABodyThatEndsWithTheConnection) {
  EXPECT_EQ(read("HTTP/1.0 400 Bad Request\r\nServer: x\r\n\r\nno", false), "more");
  EXPECT_EQ(read("HTTP/1.0 400 Bad Request\r\nServer: x\r\n\r\nno", true), "400 no");
  EXPECT_EQ(read("HTTP/1.1 204 No Content\r\n\r\n", false), "204 ");
}

TEST(ParseHttpResponse, AsksForMoreAtEveryByteOfAnAnswer) {
  for (const std::string_view whole : {kLength, kChunked}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(read(whole.substr(0, size), false), "more") << whole.substr(0, size);
      EXPECT_EQ(read(whole.substr(0, size), true).find("HTTP answer: ends in its "), 0u)
          << whole.substr(0, size) << ": " << read(whole.substr(0, size), true);
    }
  }
}

TEST(ParseHttpResponse, SaysWhereAnAnswerEndsTooEarly) {
  EXPECT_EQ(read("", true), "HTTP answer: ends in its head");
  EXPECT_EQ(read(kLength.substr(0, kLength.size() - 1), true), "HTTP answer: ends in its body");
  EXPECT_EQ(read(kChunked.substr(0, kChunked.size() - 20), true), "HTTP answer: ends in its chunks");
  EXPECT_EQ(read(kChunked.substr(0, kChunked.size() - 2), true), "HTTP answer: ends in its trailer");
}

TEST(ParseHttpResponse, RefusesWhatIsNoAnswer) {
  EXPECT_EQ(read("SSH-2.0-OpenSSH_9.2\r\n", false), "HTTP answer: no HTTP/1 status line");
  EXPECT_EQ(read("HTTP/2 200\r\n\r\n", false), "HTTP answer: no HTTP/1 status line");
  EXPECT_EQ(read("HTTP/1.2 200 OK\r\n\r\n", true), "HTTP answer: no HTTP/1 status line");
  EXPECT_EQ(read("HTTP/1.1 2x0 OK\r\n\r\n", true), "HTTP answer: no status");
  EXPECT_EQ(read("HTTP/1.1 2000 OK\r\n\r\n", true), "HTTP answer: no status");
  EXPECT_EQ(read("HTTP/1.1 099 OK\r\n\r\n", true), "HTTP answer: no status");
  EXPECT_EQ(read("HTTP/1.1 100 Continue\r\n\r\n", false),
            "HTTP answer: an interim answer that nobody asked for");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nno field\r\n\r\n", true), "HTTP answer: no header field");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nfolded: a\r\n b: c\r\n\r\n", true), "HTTP answer: no header field");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nspace : a\r\n\r\n", true), "HTTP answer: no header field");
  // A line feed alone ends no line.
  EXPECT_EQ(read("HTTP/1.1 200 OK\nContent-Length: 0\n\n", true), "HTTP answer: ends in its head");
}

TEST(ParseHttpResponse, RefusesAnUnclearLength) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(read(head + "Content-Length: 4x\r\n\r\nvm_0", false), "HTTP answer: no length");
  EXPECT_EQ(read(head + "Content-Length: -4\r\n\r\nvm_0", false), "HTTP answer: no length");
  EXPECT_EQ(read(head + "Content-Length:\r\n\r\nvm_0", false), "HTTP answer: no length");
  EXPECT_EQ(read(head + "Content-Length: 4\r\nContent-Length: 3\r\n\r\nvm_0", false),
            "HTTP answer: two lengths");
  EXPECT_EQ(read(head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nvm_0", false),
            "HTTP answer: both a length and chunks");
  EXPECT_EQ(read(head + "Transfer-Encoding: gzip, chunked\r\n\r\n", false),
            "HTTP answer: an unknown transfer coding");
  EXPECT_EQ(read(head + "Transfer-Encoding: chunked\r\n\r\nvm_0\r\n", false),
            "HTTP answer: a chunk without a length");
  EXPECT_EQ(read(head + "Transfer-Encoding: chunked\r\n\r\n2\r\nvm_0\r\n", false),
            "HTTP answer: a chunk that is longer than it says");
}

TEST(ParseHttpResponse, IsBounded) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(read(head + std::string(kMaxHeadBytes, 'x'), false),
            "HTTP answer: a head of more than 16384 bytes");
  EXPECT_EQ(read(head + "Content-Length: 262145\r\n\r\n", false), "HTTP answer: longer than 262144 bytes");
  EXPECT_EQ(read(head + "Content-Length: 99999999999999999999999999\r\n\r\n", false),
            "HTTP answer: longer than 262144 bytes");
  EXPECT_EQ(read(head + "\r\n" + std::string(kMaxBodyBytes + 1, 'x'), false),
            "HTTP answer: longer than 262144 bytes");
  EXPECT_EQ(read(head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", false),
            "HTTP answer: longer than 262144 bytes");
  EXPECT_EQ(read(head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3ffff\r\n", false),
            "HTTP answer: longer than 262144 bytes");
  EXPECT_EQ(read(head + "Transfer-Encoding: chunked\r\n\r\n" + std::string(1'025, '0'), false),
            "HTTP answer: a chunk without a length");
}

TEST(ParseHttpResponse, ShowsTheLine) {
  const auto parsed = parse_http_response("HTTP/1.1 200 OK\r\nContent-Length: 4x\r\n\r\n", false);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().excerpt.text, "Content-Length: 4x");
  EXPECT_EQ(parsed.error().excerpt.offset, 15u);
}

}  // namespace
}  // namespace shipyard::preempt
