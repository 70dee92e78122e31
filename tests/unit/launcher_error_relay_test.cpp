#include "launcher/rank/error_relay.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <string>

#include "tests/unit/descriptors.hpp"

namespace shipyard::rank {
namespace {

/// A pipe that a rank writes to, and a connection to the launcher.
class Relay : public testing::Test {
 protected:
  Relay() {
    auto [read_end, rank] = pipe_ends();
    read_end_ = std::move(read_end);
    rank_ = std::move(rank);
    auto [near, far] = socket_ends();
    near_ = std::move(near);
    far_ = std::move(far);
  }
  static bool readable(int fd, int milliseconds) {
    pollfd polled{fd, POLLIN, 0};
    return ::poll(&polled, 1, milliseconds) > 0;
  }

  FileDescriptor read_end_, rank_, near_, far_;
  int connections_ = 0;
};

TEST_F(Relay, ConnectsOnlyWhenThereIsSomethingToSay) {
  ErrorRelay relay(
      std::move(read_end_),
      [&] {
        ++connections_;
        return std::move(near_);
      },
      -1);
  (void)rank_.close();
  EXPECT_TRUE(readable(relay.done_fd(), 10'000));
  EXPECT_EQ(connections_, 0);
}

TEST_F(Relay, CarriesAllThatWasWrittenBeforeTheEnd) {
  const std::string words(50'000, 'x');
  ASSERT_EQ(::write(rank_.get(), words.data(), words.size()), static_cast<ssize_t>(words.size()));
  ErrorRelay relay(
      std::move(read_end_),
      [&] {
        ++connections_;
        return std::move(near_);
      },
      -1);
  // rank_ stays open, as by a process that the rank has left behind.
  relay.finish();
  EXPECT_EQ(read_all(far_), words);
  EXPECT_TRUE(readable(relay.done_fd(), 10'000));
  EXPECT_EQ(connections_, 1);
}

TEST_F(Relay, WithoutAConnectionItFallsBack) {
  const int fallback = ::dup(near_.get());
  ErrorRelay relay(
      std::move(read_end_), [] { return FileDescriptor(); }, fallback);
  ASSERT_EQ(::write(rank_.get(), "oops\n", 5), 5);
  (void)rank_.close();
  EXPECT_TRUE(readable(relay.done_fd(), 10'000));
  (void)near_.close();
  ::close(fallback);
  EXPECT_EQ(read_all(far_), "oops\n");
}

}  // namespace
}  // namespace shipyard::rank
