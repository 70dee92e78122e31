#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/file_descriptor.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shipyard {
namespace {

using testing::TemporaryDirectory;

struct stat status_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info;
}

mode_t mode_of(const std::string& path) { return status_of(path).st_mode & 07777U; }

TEST(ReadFile, ReturnsEveryByte) {
  TemporaryDirectory directory;
  const std::string content("a\0b\r\n\xFF", 6);
  EXPECT_EQ(*read_file(directory.write("file", content)), content);
  EXPECT_EQ(*read_file(directory.write("empty", "")), "");
}

TEST(ReadFile, NamesAFileThatIsNotThere) {
  auto content = read_file("/nonexistent/file");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Error::Code::kNotFound);
  EXPECT_EQ(content.error().message, "cannot read /nonexistent/file: No such file or directory");
}

TEST(ReadFile, RefusesADirectory) {
  auto content = read_file("/");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().message, "cannot read /: Is a directory");
}

TEST(ReadFile, StopsAtItsLimitInADeviceWithoutEnd) {
  auto content = read_file("/dev/zero", 1 << 20);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().message, "cannot read /dev/zero: larger than 1 MiB");
}

TEST(ReadFile, TakesAFileOfJustItsLimit) {
  TemporaryDirectory directory;
  EXPECT_EQ(read_file(directory.write("file", std::string(1 << 20, 'x')), 1 << 20)->size(), 1U << 20U);
  EXPECT_FALSE(read_file(directory.write("file", std::string((1 << 20) + 1, 'x')), 1 << 20));
}

TEST(WriteFileAtomically, MakesAFileOfItsModeWhateverTheUmask) {
  TemporaryDirectory directory;
  const mode_t former = ::umask(0077);
  EXPECT_TRUE(write_file_atomically(directory.path("file"), "content\n", 0644));
  ::umask(former);
  EXPECT_EQ(directory.read("file"), "content\n");
  EXPECT_EQ(mode_of(directory.path("file")), 0644U);
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(WriteFileAtomically, ReplacesTheFileAsAWhole) {
  TemporaryDirectory directory;
  const auto path = directory.write("file", "old");
  const auto hard_link = directory.path("other name");
  std::filesystem::create_hard_link(path, hard_link);
  EXPECT_TRUE(write_file_atomically(path, "new", 0600));
  EXPECT_EQ(directory.read("file"), "new");
  EXPECT_EQ(directory.read("other name"), "old") << "who has the old file open must keep seeing it";
}

TEST(WriteFileAtomically, FollowsASymbolicLink) {
  TemporaryDirectory directory;
  directory.write("target", "old");
  std::filesystem::create_symlink("target", directory.path("link"));
  std::filesystem::create_symlink(directory.path("link"), directory.path("link to link"));
  EXPECT_TRUE(write_file_atomically(directory.path("link to link"), "new", 0600));
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link to link")));
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link")));
  EXPECT_EQ(directory.read("target"), "new");
}

TEST(WriteFileAtomically, MakesTheFileThatADanglingLinkNames) {
  TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path("elsewhere"));
  std::filesystem::create_symlink("elsewhere/target", directory.path("link"));
  EXPECT_TRUE(write_file_atomically(directory.path("link"), "new", 0600));
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link")));
  EXPECT_EQ(directory.read("elsewhere/target"), "new");
}

TEST(WriteFileAtomically, KeepsTheOwnerOfAFileThatRootRewrites) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can own files of others";
  TemporaryDirectory directory;
  const auto path = directory.write("file", "old");
  ASSERT_EQ(::chown(path.c_str(), 4242, 4343), 0);
  EXPECT_TRUE(write_file_atomically(path, "new", 0640));
  EXPECT_EQ(status_of(path).st_uid, 4242U);
  EXPECT_EQ(status_of(path).st_gid, 4343U);
  EXPECT_EQ(mode_of(path), 0640U);
}

TEST(WriteFileAtomically, LeavesTheOldFileWhereTheNewOneCannotBeWritten) {
  TemporaryDirectory directory;
  const auto path = directory.write("file", "old");
  // A file system full, as a limit on the size of files: in a child, since it cannot be raised again.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto status = write_file_atomically(path, std::string(100'000, 'x'), 0600);
    ::_exit(!status && status.error().message == "cannot write " + path + ": File too large" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "it did not fail as it must";
  EXPECT_EQ(directory.read("file"), "old");
  EXPECT_EQ(directory.entries(), 1U) << "the temporary file stayed";
}

TEST(WriteFileAtomically, NamesTheFileThatCannotBeMade) {
  auto status = write_file_atomically("/nonexistent/file", "x", 0600);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Error::Code::kSystem);
  EXPECT_EQ(status.error().message, "cannot write /nonexistent/file: No such file or directory");
}

TEST(WriteFileAtomically, RefusesADirectory) {
  TemporaryDirectory directory;
  auto status = write_file_atomically(directory.path(), "x", 0600);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "cannot write " + directory.path() + ": Is a directory");
}

TEST(WriteFileAtomically, WritesIntoAPipeInsteadOfReplacingIt) {
  TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo(directory.path("pipe").c_str(), 0600), 0);
  // Opened for both, so that nobody waits for the other end.
  FileDescriptor pipe(::open(directory.path("pipe").c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(write_file_atomically(directory.path("pipe"), "text", 0600));
  char buffer[16];
  ASSERT_EQ(::read(pipe.get(), buffer, sizeof buffer), 4);
  EXPECT_EQ(std::string(buffer, 4), "text");
  EXPECT_TRUE(S_ISFIFO(status_of(directory.path("pipe")).st_mode));
}

TEST(WriteFileAtomically, GoesOnInAnOpenFileThatIsNamedByItsNumber) {
  TemporaryDirectory directory;
  const auto path = directory.write("file", "");
  const auto inode = status_of(path).st_ino;
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "1", 1), 1);
  EXPECT_TRUE(write_file_atomically("/dev/fd/" + std::to_string(file.get()), "2", 0600));
  EXPECT_TRUE(write_file_atomically("/proc/self/fd/" + std::to_string(file.get()), "3", 0600));
  ASSERT_EQ(::write(file.get(), "4", 1), 1);
  EXPECT_EQ(directory.read("file"), "1234");
  EXPECT_EQ(status_of(path).st_ino, inode);
}

TEST(WriteFileAtomically, ReportsAnOpenFileThatIsNone) {
  auto status = write_file_atomically("/dev/fd/9999", "x", 0600);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "cannot write /dev/fd/9999: Bad file descriptor");
}

TEST(AtomicFile, TakesItsPlaceWithItsCommitAlone) {
  TemporaryDirectory directory;
  const auto path = directory.write("file", "old");
  {
    auto file = AtomicFile::open(path, 0640);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->path(), path);
    ASSERT_EQ(::write(file->fd(), "half", 4), 4);
    AtomicFile moved = std::move(*file);
    EXPECT_EQ(directory.read("file"), "old");
    EXPECT_EQ(directory.entries(), 2U);
  }
  EXPECT_EQ(directory.read("file"), "old");
  EXPECT_EQ(directory.entries(), 1U);
  {
    auto file = AtomicFile::open(path, 0640);
    ASSERT_TRUE(file);
    ASSERT_EQ(::write(file->fd(), "whole", 5), 5);
    EXPECT_TRUE(file->commit());
    EXPECT_EQ(directory.read("file"), "whole");
  }
  EXPECT_EQ(directory.read("file"), "whole");
  EXPECT_EQ(directory.entries(), 1U);
  EXPECT_EQ(status_of(path).st_mode & 07777, 0640U);
}

TEST(AtomicFile, ReportsAPlaceThatIsGone) {
  TemporaryDirectory directory;
  auto file = AtomicFile::open(directory.path("file"), 0600);
  ASSERT_TRUE(file);
  std::filesystem::create_directory(directory.path("file"));
  const auto done = file->commit();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "cannot write " + directory.path("file") + ": Is a directory");
}

}  // namespace
}  // namespace shipyard
