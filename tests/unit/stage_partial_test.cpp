#include "launcher/stage/partial.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/environment.hpp"
#include "base/temporary_directory.hpp"
#include "launcher/stage/tree.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

class PartialTest : public testing::Test {
 protected:
  PartialTest() : root_(*TemporaryDirectory::make(Environment{}, "partial-test")) {}

  [[nodiscard]] const std::string& parent() const { return root_.path(); }
  [[nodiscard]] std::string left_by_another() const {
    const std::string path = parent() + "/" + std::string(kPartialPrefix) + "abc";
    fs::create_directories(path + "/deep");
    return path;
  }

 private:
  TemporaryDirectory root_;
};

TEST_F(PartialTest, GoesWithItsEnd) {
  std::string path;
  {
    const auto partial = Partial::make(parent(), "10.0.0.4");
    ASSERT_TRUE(partial);
    path = partial->path();
    EXPECT_TRUE(fs::is_directory(path));
    EXPECT_TRUE(path.starts_with(parent() + "/" + std::string(kPartialPrefix)));
    EXPECT_NE(path.find(".10.0.0.4."), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(PartialTest, OneThatWasLeftIsRemovedAndOneThatIsHeldIsNot) {
  const std::string left = left_by_another();
  const auto held = Partial::make(parent());
  ASSERT_TRUE(held);
  Partial::remove_abandoned(parent());
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(held->path()));
}

TEST(IsAbandoned, WhatThisMachineKnows) {
  constexpr std::chrono::hours kDay{24};
  EXPECT_TRUE(is_abandoned({.is_own_users = true, .is_on_own_disk = true}));
  EXPECT_TRUE(is_abandoned({.is_own_users = true, .is_own_machines = true}));
  EXPECT_FALSE(is_abandoned({.is_own_users = true, .age = kDay}));
  EXPECT_TRUE(is_abandoned({.is_own_users = true, .age = kDay + std::chrono::seconds(1)}));
  EXPECT_FALSE(is_abandoned({.is_on_own_disk = true, .is_own_machines = true, .age = 2 * kDay}));
}

TEST_F(PartialTest, OneOfAnotherUserStays) {
  const std::string left = left_by_another();
  if (::chown(left.c_str(), 65534, 65534) != 0) GTEST_SKIP() << "chown needs root";
  Partial::remove_abandoned(parent());
  EXPECT_TRUE(fs::exists(left));
}

TEST_F(PartialTest, TheMarkIsThereAsLongAsOneCollects) {
  const std::string mark = parent() + "/" + kCollectingMark;
  auto first = Partial::mark(parent());
  ASSERT_TRUE(first);
  {
    const auto second = Partial::mark(parent());
    ASSERT_TRUE(second);
    first->remove();
    EXPECT_TRUE(fs::exists(mark));
    Partial::remove_abandoned(parent());
    EXPECT_TRUE(fs::exists(mark));
  }
  EXPECT_FALSE(fs::exists(mark));
  fs::create_directories(mark + "/" + std::string(kPartialPrefix) + "abc");
  Partial::remove_abandoned(parent());
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(PartialTest, NoneIsTakenForAbandonedBeforeItHasItsLock) {
  std::atomic<bool> done{false};
  std::thread remover([&] {
    while (!done) Partial::remove_abandoned(parent());
  });
  int lost = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto partial = Partial::make(parent());
    if (!partial || !fs::exists(partial->path())) ++lost;
  }
  done = true;
  remover.join();
  EXPECT_EQ(lost, 0);
}

}  // namespace
}  // namespace shipyard::launcher::stage
