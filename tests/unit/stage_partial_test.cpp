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
    EXPECT_TRUE(path.starts_with(parent() + "/" + std::string(kPartialPrefix) + "10.0.0.4."));
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
