#include "batch/client/syntax.hpp"

#include <gtest/gtest.h>

namespace shipyard::batch {
namespace {

TEST(Syntax, Ids) {
  for (const char* good :
       {"", "a", "A-b_9", "0123456789012345678901234567890123456789012345678901234567890123"})
    EXPECT_EQ(fault_of_id(good), "") << good;
  for (const char* bad :
       {"a b", "a/b", "../x", "é", "01234567890123456789012345678901234567890123456789012345678901234"})
    EXPECT_NE(fault_of_id(bad), "") << bad;
}

TEST(Syntax, Images) {
  for (const char* good : {"a", "r.example:5000/a/b:1", "a@sha256:00"})
    EXPECT_TRUE(is_image_name(good)) << good;
  for (const char* bad : {"", "-x", "a;b", "a b", "$a", "a\nb", "a'"})
    EXPECT_FALSE(is_image_name(bad)) << bad;
}

TEST(Syntax, FileModes) {
  for (const char* good : {"600", "0770", "1777"}) EXPECT_TRUE(is_file_mode(good)) << good;
  for (const char* bad : {"", "rw", "08", "0780", "00770"}) EXPECT_FALSE(is_file_mode(bad)) << bad;
}

TEST(Syntax, Paths) {
  for (const char* good : {"", "a", "a/b", "a..b/..c", "."}) EXPECT_TRUE(stays_below(good)) << good;
  for (const char* bad : {"/a", "..", "a/..", "../a", "a/../../b"}) EXPECT_FALSE(stays_below(bad)) << bad;
}

TEST(Syntax, VariablesAndSizes) {
  EXPECT_TRUE(is_variable_name("_A9"));
  for (const char* bad : {"", "9A", "A-B", "A B"}) EXPECT_FALSE(is_variable_name(bad)) << bad;
  for (const char* good : {"64m", "1G", "1024", "5b"}) EXPECT_TRUE(is_docker_size(good)) << good;
  for (const char* bad : {"", "m", "1mb", "1.5g", "-1"}) EXPECT_FALSE(is_docker_size(bad)) << bad;
}

}  // namespace
}  // namespace shipyard::batch
