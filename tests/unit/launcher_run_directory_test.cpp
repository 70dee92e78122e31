#include "launcher/run_directory.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
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

TEST_F(RunDirectoryTest, RemovesWhatAKilledLauncherHasLeftBesideIt) {
  std::string machine;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), machine);
  const auto left = [&](const std::string& name, std::chrono::seconds age, const std::string& lock) {
    fs::create_directories(root_ + "/" + name);
    std::ofstream(root_ + "/" + name + "/ssh_config") << "x";
    if (!lock.empty()) std::ofstream(root_ + "/" + name + "/launcher.lock") << lock << "\n";
    fs::last_write_time(root_ + "/" + name, fs::file_time_type::clock::now() - age);
    return root_ + "/" + name;
  };
  using namespace std::chrono_literals;
  auto running = RunDirectory::make(root_ + "/job.1", {});
  ASSERT_TRUE(running);
  fs::last_write_time(root_ + "/job.1", fs::file_time_type::clock::now() - 2h);
  const std::string killed = left("job.2", 2h, machine), young = left("job.3", 1s, machine);
  const std::string target = left("results", 2h, machine), of_another = left("jobs.4", 2h, machine);
  const std::string elsewhere = left("job.7", 2h, "another machine"), repository = left("job.git", 2h, "");
  fs::create_directory_symlink(target, root_ + "/job.5");
  auto next = RunDirectory::make(root_ + "/job.6", {});
  ASSERT_TRUE(next);
  EXPECT_FALSE(fs::exists(killed));
  EXPECT_TRUE(fs::exists(root_ + "/job.1")) << "its launcher runs";
  EXPECT_TRUE(fs::exists(young + "/ssh_config")) << "may not be locked yet";
  EXPECT_TRUE(fs::exists(target + "/ssh_config")) << "a link's target";
  EXPECT_TRUE(fs::exists(of_another + "/ssh_config"));
  EXPECT_TRUE(fs::exists(elsewhere + "/ssh_config")) << "its lock may not be seen here";
  EXPECT_TRUE(fs::exists(repository + "/ssh_config")) << "never a run directory";
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
