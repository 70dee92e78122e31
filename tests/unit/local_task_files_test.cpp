#include "batch/local/nodes/task_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/temporary_directory.hpp"

namespace shipyard::local {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TaskFiles : public ::testing::Test {
 protected:
  TaskFiles() : directory(std::move(*TemporaryDirectory::make({}, "shipyard-test"))) {
    fs::create_directories(storage + "/in/sub");
    put(storage + "/in/a", "one");
    put(storage + "/in/sub/b", "two");
    put(top() + "/outside", "secret");
    fs::create_symlink(top() + "/outside", storage + "/in/link");
    fs::create_symlink("loop", storage + "/in/loop");
  }
  [[nodiscard]] std::string top() const { return directory.path(); }
  static void put(const std::string& path, const std::string& content) {
    ASSERT_TRUE(write_file_atomically(path, content, 0600));
  }
  static std::string get(const std::string& path) {
    const auto content = read_file(path);
    return content ? *content : "(none)";
  }
  std::string bring(const json& file) {
    const auto done = bring_resource_files(storage, json::array({file}), top() + "/wd", [] { return false; });
    return done ? "" : done.error().message;
  }

  TemporaryDirectory directory;
  std::string storage = directory.path() + "/storage";
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

TEST_F(TaskFiles, ADirectoryInWhichEveryUserOfTheNodeMayWrite) {
  ASSERT_TRUE(make_task_directory(top(), "workitems/j/job-1/t"));
  for (const char* path :
       {"/workitems", "/workitems/j/job-1/t", "/workitems/j/job-1/t/wd", "/workitems/j/job-1/t/certs"})
    EXPECT_EQ(mode_of(top() + path), 0777U) << path;
  EXPECT_TRUE(make_task_directory(top(), "workitems/j/job-1/t")) << "it may be there";
  EXPECT_FALSE(make_task_directory(top() + "/workitems", "j/../../victim"));
  EXPECT_FALSE(fs::exists(top() + "/victim"));
}

TEST_F(TaskFiles, AContainerIsADirectoryOfTheStorage) {
  EXPECT_EQ(bring({{"autoStorageContainerName", "in"}}), "");
  EXPECT_EQ(get(top() + "/wd/a"), "one");
  EXPECT_EQ(get(top() + "/wd/sub/b"), "two");
  EXPECT_FALSE(fs::exists(top() + "/wd/link")) << "what leads elsewhere is none of its files";
  EXPECT_EQ(
      bring({{"storageContainerUrl", "https://s/in?sig=x"}, {"blobPrefix", "sub/"}, {"filePath", "data"}}),
      "");
  EXPECT_EQ(get(top() + "/wd/data/sub/b"), "two");
  EXPECT_FALSE(fs::exists(top() + "/wd/data/a"));
}

TEST_F(TaskFiles, AFileOfTheStorage) {
  EXPECT_EQ(bring({{"httpUrl", "file://" + storage + "/in/a"}, {"filePath", "x/y"}, {"fileMode", "0700"}}),
            "");
  EXPECT_EQ(get(top() + "/wd/x/y"), "one");
  EXPECT_EQ(mode_of(top() + "/wd/x/y"), 0744U);
}

TEST_F(TaskFiles, NothingFromElsewhereAndNothingToElsewhere) {
  EXPECT_EQ(bring({{"httpUrl", "file://" + top() + "/outside"}, {"filePath", "x"}}),
            "file://" + top() + "/outside is not below the directory of --storage");
  EXPECT_EQ(bring({{"httpUrl", "file://" + storage + "/../outside"}, {"filePath", "x"}}),
            "file://" + storage + "/../outside is not below the directory of --storage");
  EXPECT_EQ(bring({{"httpUrl", "file://" + storage + "/in/a"}, {"filePath", "../x"}}),
            "filePath '../x' leads out of its directory");
  EXPECT_EQ(bring({{"autoStorageContainerName", "../storage"}}), "'../storage' is no storage container");
  EXPECT_EQ(bring({{"autoStorageContainerName", ""}}), "'' is no storage container");
  EXPECT_NE(bring({{"autoStorageContainerName", "none"}}), "");
  EXPECT_FALSE(bring_resource_files("", json::array({{{"autoStorageContainerName", "in"}}}), top() + "/wd",
                                    [] { return false; }));
}

}  // namespace
}  // namespace shipyard::local
