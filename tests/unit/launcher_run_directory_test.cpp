#include "launcher/run_directory.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace shipyard::launcher {
namespace {

namespace fs = std::filesystem;

class RunDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "run-directory.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    path_ = root_ + "/job";
  }
  void TearDown() override { fs::remove_all(root_); }

  static mode_t mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  std::string root_;
  std::string path_;
};

TEST_F(RunDirectoryTest, IsPrivateAndGoneWithItsObject) {
  const mode_t former = ::umask(0);
  {
    auto directory = RunDirectory::make(path_, {{path_ + "/hostfile", "10.0.0.4 slots=2\n"}});
    ::umask(former);
    ASSERT_TRUE(directory) << directory.error().message;
    EXPECT_EQ(mode(path_), 0700);
    EXPECT_EQ(mode(path_ + "/hostfile"), 0600);
    std::ifstream file(path_ + "/hostfile");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "10.0.0.4 slots=2\n");
    std::ofstream(path_ + "/left by mpirun") << "x";
  }
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(fs::exists(root_));
}

TEST_F(RunDirectoryTest, RefusesOneThatIsThereAndLeavesItAlone) {
  fs::create_directory(path_);
  std::ofstream(path_ + "/other") << "x";
  auto directory = RunDirectory::make(path_, {{path_ + "/hostfile", ""}});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "cannot make the run directory " + path_ + ": File exists");
  EXPECT_EQ(directory.error().hint, "TMPDIR names the directory that holds it");
  EXPECT_TRUE(fs::exists(path_ + "/other"));
  EXPECT_FALSE(fs::exists(path_ + "/hostfile"));
}

// In a world-writable /tmp somebody else could have put a link there.
TEST_F(RunDirectoryTest, RefusesALink) {
  fs::create_directory(root_ + "/elsewhere");
  fs::create_symlink(root_ + "/elsewhere", path_);
  EXPECT_FALSE(RunDirectory::make(path_, {}));
}

TEST_F(RunDirectoryTest, LeavesNothingWhereAFileCannotBeWritten) {
  auto directory = RunDirectory::make(path_, {{path_ + "/a", "x"}, {path_ + "/no/such/b", "x"}});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "cannot write " + path_ + "/no/such/b: No such file or directory");
  EXPECT_EQ(directory.error().hint, "TMPDIR names the directory that holds it");
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(RunDirectoryTest, IsRemovedOnceByWhoeverHoldsIt) {
  auto first = RunDirectory::make(path_, {});
  ASSERT_TRUE(first);
  {
    RunDirectory second = std::move(*first);
    EXPECT_TRUE(fs::exists(path_));
  }
  EXPECT_FALSE(fs::exists(path_));
}

}  // namespace
}  // namespace shipyard::launcher
