#include "launcher/supervise/error_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "base/output.hpp"
#include "tests/unit/descriptors.hpp"
#include "tests/unit/fake_rank.hpp"

namespace shipyard::supervise {
namespace {

using Clock = std::chrono::steady_clock;

/// A pipe in place of standard error, and ranks that are sockets.
class Errors : public testing::Test {
 protected:
  Errors() {
    auto [reader, writer] = pipe_ends();
    reader_ = std::move(reader);
    writer_ = std::move(writer);
    ::fcntl(reader_.get(), F_SETFL, O_NONBLOCK);
    output_.emplace(writer_.get(), ErrorOutput::Tag());
  }

  FileDescriptor connect(int rank, const std::string& received = {}) {
    auto [near, far] = socket_ends();
    output_->add(std::move(near), rank, received);
    return std::move(far);
  }
  std::string shown() { return read_all(reader_); }
  /// Until no connection has anything to say.
  std::string handled() {
    std::string text;
    for (pollfd polled{output_->fd(), POLLIN, 0}; ::poll(&polled, 1, 0) > 0;) {
      output_->handle();
      text += shown();
    }
    return text + shown();
  }

  FileDescriptor reader_, writer_;
  std::optional<ErrorOutput> output_;
};

TEST_F(Errors, LinesOfTwoRanksDoNotMix) {
  auto zero = connect(0);
  auto one = connect(1);
  say(zero, "half of a ");
  say(one, "other");
  EXPECT_EQ(handled(), "");
  say(zero, "line\nnext");
  EXPECT_EQ(handled(), "half of a line\n");
  say(one, " line\n");
  EXPECT_EQ(handled(), "other line\n");
  (void)zero.close();
  EXPECT_EQ(handled(), "next");
  EXPECT_EQ(output_->open(), 1u);
}

TEST_F(Errors, WhatHasBeenReadBeforeIsNotLost) {
  auto rank = connect(3, "early\nbird");
  say(rank, "s\n");
  EXPECT_EQ(handled(), "early\nbirds\n");
}

TEST_F(Errors, ALineThatDoesNotEndIsShownAfterAWhile) {
  auto rank = connect(0);
  say(rank, "Continue? ");
  EXPECT_EQ(handled(), "");
  const auto when = output_->next_flush();
  ASSERT_TRUE(when);
  output_->flush(*when - std::chrono::milliseconds(1));
  EXPECT_EQ(shown(), "");
  output_->flush(*when);
  EXPECT_EQ(shown(), "Continue? ");
  EXPECT_FALSE(output_->next_flush());
}

TEST_F(Errors, EveryLineIsTaggedOnce) {
  output_.emplace(writer_.get(), [](int rank) { return "[" + std::to_string(rank) + "] "; });
  auto rank = connect(7);
  say(rank, "a\nb\n\nc");
  EXPECT_EQ(handled(), "[7] a\n[7] b\n[7] \n");
  output_->flush(*output_->next_flush());
  say(rank, "d\ne\n");
  EXPECT_EQ(shown() + handled(), "[7] cd\n[7] e\n");
}

TEST_F(Errors, BytesPassAsTheyAre) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  auto rank = connect(0);
  say(rank, all);
  (void)rank.close();
  EXPECT_EQ(handled(), all);
}

TEST_F(Errors, AReaderThatIsSlowBlocksNobodyAndLosesNothing) {
  const std::string line = std::string(99, 'x') + "\n";
  auto rank = connect(0);
  int flags = ::fcntl(rank.get(), F_GETFL);
  ::fcntl(rank.get(), F_SETFL, flags | O_NONBLOCK);
  std::size_t written = 0;
  // Nobody reads: the pipe fills, then the connection.
  for (int i = 0; i < 20'000; ++i) {
    if (::send(rank.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
      break;
    written += line.size();
    output_->handle();
  }
  EXPECT_LT(written, 2'000'000u);
  EXPECT_GT(written, 65'536u);
  EXPECT_FALSE(is_writable(writer_.get()));
  std::size_t read = shown().size();
  (void)rank.close();
  while (output_->open() > 0) {
    output_->handle();
    read += shown().size();
  }
  // A line that was sent in part, where the connection was full.
  EXPECT_GE(read, written);
  EXPECT_LT(read, written + line.size());
}

TEST_F(Errors, NothingBlocksWhereNobodyReads) {
  auto rank = connect(0);
  // The pipe is full but for less than a line.
  ::fcntl(writer_.get(), F_SETFL, O_NONBLOCK);
  std::size_t filled = 0;
  for (ssize_t put = 0; (put = ::write(writer_.get(), std::string(1000, '.').data(), 1000)) > 0;)
    filled += static_cast<std::size_t>(put);
  ::fcntl(writer_.get(), F_SETFL, 0);
  const std::string line = std::string(3000, 'x') + "\n" + std::string(3000, 'y');
  say(rank, line);
  output_->handle();  // would hang
  output_->flush(Clock::now() + std::chrono::hours(1));
  EXPECT_EQ(output_->bytes(), 0u);
  EXPECT_EQ(shown().size(), filled);
  std::string rest;
  while (rest.size() < line.size()) {
    output_->handle();
    output_->flush(Clock::now() + std::chrono::hours(1));
    rest += shown();
  }
  EXPECT_EQ(rest, line);
  EXPECT_FALSE(output_->blocked());
}

TEST(MpirunWords, KeepsTheBeginningAndTheEnd) {
  MpirunWords words;
  EXPECT_TRUE(words.empty());
  words.append("first\n");
  EXPECT_EQ(words.text(), "first\n");
  const std::string much(1'000'000, '.');
  words.append(much);
  words.append("last\n");
  const std::string text = words.text();
  EXPECT_TRUE(text.starts_with("first\n...."));
  EXPECT_TRUE(text.ends_with("....last\n"));
  const std::size_t left_out = 6 + much.size() + 5 - 2 * MpirunWords::kKeptOfEachEnd;
  EXPECT_NE(text.find("\n[… " + std::to_string(left_out) + " bytes left out …]\n"), std::string::npos);
  EXPECT_LT(text.size(), 2 * MpirunWords::kKeptOfEachEnd + 100);
}

TEST(MpirunWords, LeavesOutNulBytes) {
  MpirunWords words;
  words.append(std::string_view("a\0b\n\0", 5));
  EXPECT_EQ(words.text(), "ab\n");
}

}  // namespace
}  // namespace shipyard::supervise
