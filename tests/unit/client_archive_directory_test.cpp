#include "batch/client/archive_directory.hpp"

#include <gtest/gtest.h>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard::batch {
namespace {

using testing::TemporaryDirectory;

TEST(ArchiveDirectory, AFileThatCouldNotBeAddedIsToldInPlaceOfAnArchive) {
  const TemporaryDirectory outer;
  const TemporaryDirectory temporary;
  Environment environment;
  environment.variables = {{"TMPDIR", temporary.path()}, {"PATH", "/usr/bin:/bin"}};
  Interruption interruption;
  {
    auto directory = ArchiveDirectory::make(environment, "job");
    ASSERT_TRUE(directory);
    directory->add("node-1", std::string("a file"));
    directory->add("node-1/stderr.txt", std::string("below it"));
    directory->add("CAUSE.txt", std::string("the failure before this one counts"));
    auto archive = AtomicFile::open(outer.path("a.tgz"), 0600);
    ASSERT_TRUE(archive);
    const auto packed = directory->pack(*archive, environment, interruption);
    ASSERT_FALSE(packed);
    const std::string words = packed.error().message;
    EXPECT_TRUE(words.starts_with("cannot write " + temporary.path("shipyard-diagnose."))) << words;
    EXPECT_TRUE(words.ends_with("/job/node-1/stderr.txt: Not a directory")) << words;
  }
  EXPECT_EQ(outer.entries(), 0U);
  EXPECT_EQ(temporary.entries(), 0U);
}

}  // namespace
}  // namespace shipyard::batch
