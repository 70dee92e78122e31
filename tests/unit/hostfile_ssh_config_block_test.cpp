#include "hostfile/ssh_config_block.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/terminal.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace shipyard::hostfile {
namespace {

using ::shipyard::testing::TemporaryDirectory;

const std::string kConfig = "Host 10.0.0.*\n  Port 23\n";
const std::string kBlock =
    "# BEGIN shipyard-mpirun\n"
    "# kept by shipyard-hostfile: changes to these lines get lost\n"
    "Host 10.0.0.*\n"
    "  Port 23\n"
    "Match all\n"
    "# END shipyard-mpirun\n";

std::string added(std::string_view content, std::string_view config = kConfig) {
  auto result = with_block(content, config, "config");
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : std::string();
}

std::string refused(std::string_view content) {
  auto result = with_block(content, kConfig, "config");
  EXPECT_FALSE(result);
  EXPECT_FALSE(without_block(content, "config"));
  return result ? std::string() : result.error().message;
}

TEST(WithBlock, StandsBeforeEverythingElse) {
  EXPECT_EQ(added(""), kBlock);
  EXPECT_EQ(added("Host *\n  Port 22\n"), kBlock + "Host *\n  Port 22\n");
}

TEST(WithBlock, KeepsEveryByteOutsideOfIt) {
  for (const std::string& content : {std::string("ForwardAgent yes\nHost a\n"), std::string("no line end"),
                                     std::string("\n\n"), std::string("tab\t \r\n\n\xFF\0x", 12)}) {
    const auto once = added(content);
    EXPECT_TRUE(once.ends_with(content));
    EXPECT_EQ(*without_block(once, "config"), content);
  }
}

TEST(WithBlock, IsTheSameTheSecondTime) {
  const auto once = added("Host *\n  Port 22");
  EXPECT_EQ(added(once), once);
}

TEST(WithBlock, ReplacesTheFormerBlockWhereItStands) {
  const std::string before = "Host a\n  Port 1\n";
  const std::string after = "Host *\n  Port 22\n";
  const auto former = before + added("", "Host 172.*\n  Port 2\n  User x\n") + after;
  EXPECT_EQ(added(former), before + kBlock + after);
  EXPECT_EQ(*without_block(former, "config"), before + after);
}

TEST(WithBlock, FindsMarkersWithBlanksBehindThemAndAtTheEndOfTheFile) {
  EXPECT_EQ(added("# BEGIN shipyard-mpirun \t\nold\n# END shipyard-mpirun"), kBlock);
}

TEST(WithBlock, EndsLinesAsTheFileDoes) {
  const auto text = added("Host *\r\n  Port 22\r\n");
  EXPECT_EQ(text,
            "# BEGIN shipyard-mpirun\r\n"
            "# kept by shipyard-hostfile: changes to these lines get lost\r\n"
            "Host 10.0.0.*\r\n"
            "  Port 23\r\n"
            "Match all\r\n"
            "# END shipyard-mpirun\r\n"
            "Host *\r\n  Port 22\r\n");
  EXPECT_EQ(added(text), text);
}

TEST(WithBlock, RefusesMarkersThatMakeNoWholeBlock) {
  EXPECT_EQ(refused("Host a\n# BEGIN shipyard-mpirun\nHost b\n"),
            "config: line 2: '# BEGIN shipyard-mpirun' without its end");
  EXPECT_EQ(refused("Host a\n\n# END shipyard-mpirun\n"),
            "config: line 3: '# END shipyard-mpirun' without its beginning");
  EXPECT_EQ(refused(kBlock + kBlock), "config: line 7: a second block begins");
  EXPECT_EQ(refused("# BEGIN shipyard-mpirun\n" + kBlock),
            "config: line 2: '# BEGIN shipyard-mpirun' stands inside of the block");
  EXPECT_EQ(refused(kBlock + "# END shipyard-mpirun\n"),
            "config: line 7: '# END shipyard-mpirun' without its beginning");
}

TEST(WithBlock, LeavesWhatOnlyLooksLikeAMarkerAlone) {
  const std::string content = "## BEGIN shipyard-mpirun\n# BEGIN shipyard-mpirun2\n # END shipyard-mpirun\n";
  EXPECT_EQ(added(content), kBlock + content);
}

TEST(WithoutBlock, OfAFileWithoutOneIsTheFile) {
  EXPECT_EQ(*without_block("Host a\n", "config"), "Host a\n");
}

class Home : public ::testing::Test {
 protected:
  static mode_t mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777U;
  }
  void make_config(std::string_view content) {
    std::filesystem::create_directory(home_.path(".ssh"));
    home_.write(".ssh/config", content);
  }
  void install() {
    auto edit = plan_installation(home_.path(), kConfig);
    ASSERT_TRUE(edit) << edit.error().message;
    auto status = apply(*edit);
    ASSERT_TRUE(status) << status.error().message;
  }
  TemporaryDirectory home_;
};

TEST_F(Home, ThatIsNewGetsPrivateDirectoryAndFile) {
  install();
  EXPECT_EQ(home_.read(".ssh/config"), kBlock);
  EXPECT_EQ(mode(home_.path(".ssh")), 0700U);
  EXPECT_EQ(mode(home_.path(".ssh/config")), 0600U);
}

TEST_F(Home, IsNotTouchedByAPlan) {
  ASSERT_TRUE(plan_installation(home_.path(), kConfig));
  EXPECT_EQ(home_.entries(), 0U);
}

TEST_F(Home, KeepsTheModesThatItHas) {
  make_config("Host a\n");
  ::chmod(home_.path(".ssh").c_str(), 0750);
  ::chmod(home_.path(".ssh/config").c_str(), 0644);
  install();
  EXPECT_EQ(home_.read(".ssh/config"), kBlock + "Host a\n");
  EXPECT_EQ(mode(home_.path(".ssh")), 0750U);
  EXPECT_EQ(mode(home_.path(".ssh/config")), 0644U);
}

TEST_F(Home, KeepsASymbolicLink) {
  std::filesystem::create_directory(home_.path(".ssh"));
  home_.write("dotfiles-config", "Host a\n");
  std::filesystem::create_symlink("../dotfiles-config", home_.path(".ssh/config"));
  install();
  EXPECT_TRUE(std::filesystem::is_symlink(home_.path(".ssh/config")));
  EXPECT_EQ(home_.read("dotfiles-config"), kBlock + "Host a\n");
}

TEST_F(Home, IsNotWrittenWhereNothingChanges) {
  install();
  struct stat before {};
  ASSERT_EQ(::stat(home_.path(".ssh/config").c_str(), &before), 0);
  install();
  struct stat after {};
  ASSERT_EQ(::stat(home_.path(".ssh/config").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(Home, WithABrokenBlockStaysAsItIs) {
  make_config("# BEGIN shipyard-mpirun\nHost a\n");
  auto edit = plan_installation(home_.path(), kConfig);
  ASSERT_FALSE(edit);
  EXPECT_EQ(
      format_error("t", edit.error()),
      "t: error: " + home_.path(".ssh/config") +
          ": line 1: '# BEGIN shipyard-mpirun' without its end\n"
          "hint: the file was left as it is; mend or delete what stands from '# BEGIN shipyard-mpirun' to "
          "'# END shipyard-mpirun'\n");
  EXPECT_EQ(home_.read(".ssh/config"), "# BEGIN shipyard-mpirun\nHost a\n");
}

TEST_F(Home, ThatCannotBeWrittenIsAnError) {
  auto edit = plan_installation("/proc/self", kConfig);
  ASSERT_TRUE(edit);
  auto status = apply(*edit);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Error::Code::kSystem);
  EXPECT_EQ(status.error().message, "cannot make /proc/self/.ssh: No such file or directory");
}

TEST_F(Home, WhereSshIsNoDirectoryIsAnError) {
  home_.write(".ssh", "a file");
  auto edit = plan_installation(home_.path(), kConfig);
  ASSERT_FALSE(edit);
  EXPECT_EQ(edit.error().message, "cannot read " + home_.path(".ssh/config") + ": Not a directory");
}

TEST_F(Home, GetsItsFormerFileBackByARemoval) {
  make_config("Host a\n");
  install();
  auto edit = plan_removal(home_.path());
  ASSERT_TRUE(edit);
  EXPECT_TRUE(edit->changed);
  ASSERT_TRUE(apply(*edit));
  EXPECT_EQ(home_.read(".ssh/config"), "Host a\n");
}

TEST_F(Home, WithoutAFileHasNothingToRemove) {
  auto edit = plan_removal(home_.path());
  ASSERT_TRUE(edit);
  EXPECT_FALSE(edit->changed);
  ASSERT_TRUE(apply(*edit));
  EXPECT_EQ(home_.entries(), 0U);
}

}  // namespace
}  // namespace shipyard::hostfile
