#include "launcher/stage/tar.hpp"

#include <gtest/gtest.h>

#include "base/output.hpp"

namespace shipyard::launcher::stage {
namespace {

TEST(CauseOf, IsNeitherANoteNorThatItHasFailed) {
  EXPECT_EQ(cause_of("tar: Removing leading `/' from member names\n"
                     "tar: ./run/socket: socket ignored\n"
                     "tar: ./EOF.dat: file changed as we read it\n"
                     "tar: ./b: Cannot open: Permission denied\n"
                     "tar: Exiting with failure status due to previous errors\n"),
            "./b: Cannot open: Permission denied");
  EXPECT_EQ(
      cause_of("tar: ./a: Wrote only 3072 of 10240 bytes\ntar: ./b: Cannot write: No space left on device\n"),
      "./a: Wrote only 3072 of 10240 bytes");
  EXPECT_EQ(cause_of("tar: ./a: file changed as we read it\n"), "./a: file changed as we read it");
  EXPECT_EQ(cause_of("tar: Unexpected EOF in archive\ntar: Error is not recoverable: exiting now\n"),
            "Unexpected EOF in archive");
  EXPECT_EQ(cause_of("tar: ./a: time stamp 2040-01-01 00:00:00 is 4e+08 s in the future\n"), "");
  EXPECT_EQ(cause_of(""), "");
}

TEST(SaidWords, GiveTheCauseBehindManyNotes) {
  const SaidWords said;
  for (int i = 0; i < 1000; ++i) write_all(said.fd(), "tar: ./socket: socket ignored\n");
  EXPECT_EQ(said.cause_or({false, 2}), "tar: exit status 2");
  write_all(said.fd(), "tar: ./b: Cannot open: Permission denied\n");
  EXPECT_EQ(said.cause_or({false, 2}), "./b: Cannot open: Permission denied");
}

TEST(LacksRoom, ByTarsWords) {
  EXPECT_TRUE(lacks_room("./a: Wrote only 3072 of 10240 bytes", "/"));
  EXPECT_TRUE(lacks_room("./a: Cannot mkdir: No space left on device", "/"));
  EXPECT_TRUE(lacks_room("./a: Cannot write: Disk quota exceeded", "/"));
  EXPECT_FALSE(lacks_room("./a: Cannot open: Permission denied", "/"));
}

}  // namespace
}  // namespace shipyard::launcher::stage
