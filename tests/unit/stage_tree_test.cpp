#include "launcher/stage/tree.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <filesystem>
#include <fstream>

#include "base/environment.hpp"
#include "base/temporary_directory.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

class Tree : public testing::Test {
 protected:
  Tree() : root_(*TemporaryDirectory::make(Environment{}, "stage-test")) {}

  std::string at(const std::string& name) const { return root_.path() + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(at(name)).parent_path());
    std::ofstream(at(name)) << text;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  TemporaryDirectory root_;
};

TEST_F(Tree, ListsFilesAndTheirBytes) {
  write("a/one", "1");
  write("a/b/two", "22");
  fs::create_symlink("one", at("a/link"));
  const auto listing = list_tree(at("a"));
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->files, 3U);
  EXPECT_EQ(listing->bytes, 3U);
}

TEST_F(Tree, TwoWithTheSameFilesAreAlike) {
  for (const auto* name : {"a", "b"}) {
    write(std::string(name) + "/x/one", "1");
    write(std::string(name) + "/two", "22");
  }
  EXPECT_EQ(list_tree(at("a"))->names, list_tree(at("b"))->names);
}

TEST_F(Tree, EveryDifferenceShows) {
  write("a/one", "1");
  fs::create_symlink("one", at("a/link"));
  const auto before = list_tree(at("a"));
  const auto differs = [&] { return list_tree(at("a"))->names != before->names; };
  EXPECT_FALSE(differs());
  write("a/more", "");
  EXPECT_TRUE(differs());
  fs::remove(at("a/more"));
  fs::create_directory(at("a/empty"));
  EXPECT_TRUE(differs());
  fs::remove(at("a/empty"));
  ::chmod(at("a/one").c_str(), 0751);
  EXPECT_TRUE(differs());
  ::chmod(at("a/one").c_str(), 0644);
  write("a/one", "12");
  EXPECT_TRUE(differs());
  write("a/one", "2");
  EXPECT_FALSE(differs());
  EXPECT_FALSE(has_all(*list_tree(at("a")), before->entries));
  fs::remove(at("a/link"));
  fs::create_symlink("two", at("a/link"));
  EXPECT_TRUE(differs());
}

TEST_F(Tree, ANameAndItsFileDoNotRunTogether) {
  write("a/x/y", "");
  write("b/x\ny", "");
  EXPECT_NE(list_tree(at("a"))->names, list_tree(at("b"))->names);
}

TEST_F(Tree, WhatIsStillComingIsNotThere) {
  write("a/one", "1");
  const auto before = list_tree(at("a"));
  write(std::string("a/") + std::string(kPartialPrefix) + "abc/half", "h");
  EXPECT_EQ(*list_tree(at("a")), *before);
}

TEST_F(Tree, WhatIsMoreIsNoDifference) {
  write("a/one", "1");
  write("a/b/two", "22");
  const auto wanted = list_tree(at("a"))->entries;
  EXPECT_TRUE(has_all(*list_tree(at("a")), wanted));
  write("a/result", "r");
  write("a/b/more/result", "r");
  EXPECT_TRUE(has_all(*list_tree(at("a")), wanted));
  ::chmod(at("a/b").c_str(), 0700);
  EXPECT_FALSE(has_all(*list_tree(at("a")), wanted));
  ::chmod(at("a/b").c_str(), 0755);
  EXPECT_TRUE(has_all(*list_tree(at("a")), wanted));
  fs::remove(at("a/b/two"));
  EXPECT_FALSE(has_all(*list_tree(at("a")), wanted));
  EXPECT_FALSE(has_all({}, wanted));
  EXPECT_TRUE(has_all({}, {}));
}

TEST_F(Tree, WhatGoesAwayMeanwhileIsNotThere) {
  for (const auto* name : {"a/one", "a/two", "a/x/three"}) write(name, "1");
  const auto all = list_tree(at("a"))->entries;
  const auto without = [&](Unreadable unreadable) {
    return list_tree(at("a"), unreadable, [&](const std::string& path) {
      if (path == "./one") {
        fs::remove(at("a/two"));
        fs::remove_all(at("a/x"));
      }
      return true;
    });
  };
  const auto there = without(Unreadable::kIsLeftOut);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->files, 1U);
  EXPECT_FALSE(has_all(*there, all));
  write("a/two", "2");
  EXPECT_FALSE(without(Unreadable::kIsAnError));
}

TEST_F(Tree, AListingEndsWhenItIsToldTo) {
  for (const auto* name : {"a/one", "a/two"}) write(name, "1");
  int met = 0;
  EXPECT_FALSE(list_tree(at("a"), Unreadable::kIsAnError, [&](const std::string&) { return ++met < 1; }));
  EXPECT_EQ(met, 1);
}

TEST_F(Tree, OneThatIsNotThere) { EXPECT_FALSE(list_tree(at("none"))); }

TEST_F(Tree, MergeTakesThePlaceOfFilesAndKeepsTheRest) {
  write("from/case/same", "new");
  write("from/case/deep/more", "m");
  write("to/case/same", "old");
  write("to/case/own", "o");
  ASSERT_TRUE(merge_tree(at("from"), at("to")));
  EXPECT_EQ(read(at("to/case/same")), "new");
  EXPECT_EQ(read(at("to/case/own")), "o");
  EXPECT_EQ(read(at("to/case/deep/more")), "m");
}

TEST_F(Tree, AMergeThatCannotBeMovesNothing) {
  write("from/a", "new");
  write("from/z/file", "x");
  write("to/a", "old");
  write("to/z", "a file");
  const auto merged = merge_tree(at("from"), at("to"));
  ASSERT_FALSE(merged);
  EXPECT_NE(merged.error().message.find(at("to/z")), std::string::npos);
  EXPECT_EQ(read(at("to/a")), "old");
  EXPECT_EQ(read(at("from/a")), "new");
}

TEST_F(Tree, WhatALinkLeadsToStaysAsItIs) {
  write("real/sub/file", "x");
  write("tree/file", "x");
  fs::create_directory_symlink(at("real"), at("tree/link"));
  fs::create_directory_symlink(at("real"), at("link"));
  ::chmod(at("real/sub").c_str(), 0500);
  remove_tree(at("tree"));
  remove_tree(at("link"));
  struct stat info {};
  ASSERT_EQ(::stat(at("real/sub").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0500U);
  EXPECT_FALSE(fs::exists(at("tree")));
  ::chmod(at("real/sub").c_str(), 0700);
}

TEST_F(Tree, AMergeGivesDirectoriesTheirModes) {
  write("from/ro/deep/file", "new");
  write("to/ro/own", "o");
  fs::create_directory(at("from/ro/empty"));
  const auto mode = [&](const std::string& name) {
    struct stat info {};
    return ::stat(at(name).c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
  };
  ::chmod(at("from/ro/deep").c_str(), 0555);
  ::chmod(at("from/ro").c_str(), 0555);
  ::chmod(at("from").c_str(), 0500);
  ::chmod(at("to/ro").c_str(), 0755);
  ::chmod(at("to").c_str(), 0711);
  ASSERT_TRUE(merge_tree(at("from"), at("to")));
  EXPECT_EQ(read(at("to/ro/deep/file")), "new");
  EXPECT_EQ(read(at("to/ro/own")), "o");
  EXPECT_EQ(mode("to/ro"), 0555U);
  EXPECT_EQ(mode("to/ro/deep"), 0555U);
  EXPECT_EQ(mode("to"), 0711U);
  remove_tree(at("to"));
  EXPECT_FALSE(fs::exists(at("to")));
}

}  // namespace
}  // namespace shipyard::launcher::stage
