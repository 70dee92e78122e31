#include "launcher/supervise/reap.hpp"

#include <gtest/gtest.h>

#include "base/subprocess.hpp"

namespace shipyard::supervise {
namespace {

Child sleeper(const std::string& mark) {
  auto child = Child::start({.argv = {"/bin/sleep", "1000"}, .environment = {"A=b", mark, "Z=y"}});
  EXPECT_TRUE(child);
  return std::move(*child);
}

TEST(KillMarked, KillsWhatCarriesTheMarkAndNothingElse) {
  const std::string job = "reaptest" + std::to_string(::getpid());
  Child marked = sleeper("SHIPYARD_JOB=" + job);
  Child again = sleeper("SHIPYARD_JOB=" + job);
  Child another = sleeper("SHIPYARD_JOB=" + job + "0");
  Child before = sleeper("XSHIPYARD_JOB=" + job);
  Child unmarked = sleeper("SHIPYARD_JOBS=" + job);
  EXPECT_EQ(kill_marked(job), 2);
  EXPECT_EQ(marked.wait(), (Exit{true, 9}));
  EXPECT_EQ(again.wait(), (Exit{true, 9}));
  for (Child* child : {&another, &before, &unmarked}) EXPECT_FALSE(child->try_wait());
  EXPECT_EQ(kill_marked(job), 0);
}

TEST(KillMarked, NoMarkIsNotEveryMark) {
  Child child = sleeper("SHIPYARD_JOB=");
  EXPECT_EQ(kill_marked(""), 0);
  EXPECT_FALSE(child.try_wait());
}

}  // namespace
}  // namespace shipyard::supervise
