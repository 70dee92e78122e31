#include "base/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "base/file.hpp"

namespace shipyard {
namespace {

namespace fs = std::filesystem;

Environment with_parent(const std::string& path) {
  Environment environment;
  environment.variables["TMPDIR"] = path;
  return environment;
}

TEST(TemporaryDirectory, IsItsOwnersAloneAndGoesWithAllThatIsInIt) {
  auto outer = TemporaryDirectory::make({}, "shipyard-test");
  ASSERT_TRUE(outer);
  EXPECT_THAT(outer->path(), ::testing::StartsWith("/tmp/shipyard-test."));
  std::string path;
  {
    auto made = TemporaryDirectory::make(with_parent(outer->path()), "inner");
    ASSERT_TRUE(made);
    path = made->path();
    EXPECT_THAT(path, ::testing::StartsWith(outer->path() + "/inner."));
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700U);
    fs::create_directories(path + "/a/b");
    ASSERT_TRUE(write_file_atomically(path + "/a/b/c", "text", 0600));
    // The one that it was moved from has nothing to remove.
    { const TemporaryDirectory moved = std::move(*made); }
    EXPECT_FALSE(fs::exists(path));
    fs::create_directory(path);
  }
  EXPECT_TRUE(fs::exists(path));
}

TEST(TemporaryDirectory, AnEmptyTmpdirIsNone) {
  const auto made = TemporaryDirectory::make(with_parent(""), "shipyard-test");
  ASSERT_TRUE(made);
  EXPECT_THAT(made->path(), ::testing::StartsWith("/tmp/shipyard-test."));
}

TEST(TemporaryDirectory, SaysWhereItCouldNotBeMade) {
  const auto made = TemporaryDirectory::make(with_parent("/nowhere"), "x");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "cannot make a directory for temporary files, /nowhere/x.XXXXXX: No such file or directory");
  EXPECT_EQ(made.error().hint, "TMPDIR names the directory that holds it");
}

}  // namespace
}  // namespace shipyard
