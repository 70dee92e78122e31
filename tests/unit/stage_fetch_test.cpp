#include "launcher/stage/fetch.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/signals.hpp"
#include "base/temporary_directory.hpp"

namespace shipyard::launcher::stage {
namespace {

namespace fs = std::filesystem;

class FetchTest : public testing::Test {
 protected:
  FetchTest() : root_(*TemporaryDirectory::make(Environment{}, "fetch-test")) { ignore_broken_pipes(); }

  /// A node is a shell; `script` comes behind its answer.
  Result<std::uint64_t> fetch_from(const std::string& script) const {
    return fetch_from_shell("read -r line; echo 'shipyard-node-stage {\"matches\":1}'; cd " + root_.path() +
                            "; " + script);
  }
  Result<std::uint64_t> fetch_from_shell(const std::string& script) const {
    return fetch({.node = "n",
                  .command = {.argv = {"/bin/sh", "-c", script},
                              .environment = environment_.as_strings(),
                              .own_process_group = true},
                  .request = {Request::Verb::kCollect, "/d"},
                  .directory = root_.path()},
                 environment_, control_);
  }
  [[nodiscard]] std::string at(const std::string& name) const { return root_.path() + "/" + name; }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(root_.path()), {}));
  }

  TemporaryDirectory root_;
  Environment environment_{.variables = {{"PATH", "/usr/bin:/bin"}}};
  FetchControl control_{.cancelled = [] { return false; }, .silence = std::chrono::seconds(1)};
};

TEST_F(FetchTest, WhatComesHasTheNodesName) {
  std::ofstream(at("file")) << std::string(3'000'000, 'x');
  const auto fetched = fetch_from("tar -cf - file");
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(*fetched, 1U);
  EXPECT_EQ(fs::file_size(at("n/file")), 3'000'000U);
}

TEST_F(FetchTest, OneThatStallsIsGivenUp) {
  const auto fetched = fetch_from("head -c 600 /dev/zero; exec sleep 60");
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().message, "no sign of life for 1 s");
  EXPECT_EQ(entries(), 0U);
}

TEST_F(FetchTest, OneThatIsSlowIsNot) {
  std::ofstream(at("file")) << "x";
  const auto fetched = fetch_from(
      "tar -cf all file; for i in 0 1 2 3; do sleep 0.4; dd if=all bs=2560 skip=$i count=1 2>/dev/null; "
      "done");
  EXPECT_TRUE(fetched);
}

TEST_F(FetchTest, WhatHangsHereIsLeftThereAndSaid) {
  std::ofstream(at("file")) << std::string(3'000'000, 'x');
  fs::create_directory(at("bin"));
  for (const auto* takes : {"", "cat >/dev/null; "}) {
    std::ofstream(at("bin/tar")) << "#!/bin/sh\n" << takes << "exec sleep 60\n";
    fs::permissions(at("bin/tar"), fs::perms::owner_all);
    environment_.variables["PATH"] = at("bin") + ":/usr/bin:/bin";
    bool stuck = false;
    control_.stuck = [&] { stuck = true; };
    const auto fetched = fetch_from("/bin/tar -cf - file");
    ASSERT_FALSE(fetched);
    EXPECT_TRUE(stuck);
    std::string left;
    for (const auto& entry : fs::directory_iterator(root_.path())) {
      if (entry.path().filename().string().starts_with(".ship")) left = entry.path().string();
    }
    EXPECT_EQ(fetched.error().message,
              root_.path() + " has taken nothing for 1 s; what has come is left in " + left);
    fs::remove_all(left);
  }
}

TEST_F(FetchTest, OneThatDoesNotAnswerHasItsOwnWords) {
  EXPECT_EQ(fetch_from_shell("cat >/dev/null").error().message, "the node has not answered");
  EXPECT_EQ(fetch_from_shell("cat >/dev/null; echo 'no such user' >&2; exit 1").error().message,
            "no such user");
  EXPECT_EQ(fetch_from_shell("cat >/dev/null; exit 1").error().message, "it ended with exit status 1");
}

TEST_F(FetchTest, EndsWhenItIsCancelled) {
  control_.cancelled = [] { return true; };
  const auto fetched = fetch_from("sleep 60");
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().message, "ended before");
}

}  // namespace
}  // namespace shipyard::launcher::stage
