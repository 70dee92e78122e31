#include "launcher/check/matrix.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/check_samples.hpp"

namespace shipyard::launcher::check {
namespace {

using Kind = SshFailure::Kind;

constexpr MapStyle kPlain{80, false, false};

NodeCheck troubled() {
  auto check = fine_check(4);
  auto& odd = *check.nodes[1].facts;
  odd.cores = 2;
  odd.shared_memory_free = 300 * kMiB;
  odd.connect_back = ConnectBack{{}, 200, 90'400'000};
  check.nodes[3].facts->mpi.version = "Open MPI 4.1.5";
  check.nodes[3].facts->program = ENOENT;
  fail(check.nodes[2], Kind::kPermissionDenied, "permission denied (publickey)");
  return check;
}

TEST(Matrix, IsOneTableWhereThereIsRoom) {
  EXPECT_EQ(
      matrix(fine_check(3), {120, false, false}),
      R"(node      Open MPI  cores  memory   /dev/shm  memlock   CMA  clock   program  directory  way back  shipyard
10.0.0.4  4.1.4     30     448 GiB  1 GiB     no limit  yes  <10 ms  ok       ok         ok        0.1.0
10.0.0.5  4.1.4     30     448 GiB  1 GiB     no limit  yes  <10 ms  ok       ok         ok        0.1.0
10.0.0.6  4.1.4     30     448 GiB  1 GiB     no limit  yes  <10 ms  ok       ok         ok        0.1.0

3 nodes, all alike: nothing is in the way of a job
)");
}

TEST(Matrix, MarksWhatIsOddAndNamesIt) {
  EXPECT_EQ(matrix(troubled(), kPlain),
            R"(node      Open MPI  cores  memory   /dev/shm          memlock   CMA  clock
10.0.0.4  4.1.4     30     448 GiB  1 GiB             no limit  yes  <10 ms
10.0.0.5  4.1.4     2 *    448 GiB  300 MiB of 1 GiB  no limit  yes  +90.40 s *
10.0.0.6  permission denied (publickey) !
10.0.0.7  4.1.5 !   30     448 GiB  1 GiB             no limit  yes  <10 ms

node      program    directory  way back  shipyard
10.0.0.4  ok         ok         ok        0.1.0
10.0.0.5  ok         ok         ok        0.1.0
10.0.0.7  missing !  ok         ok        0.1.0

! 10.0.0.6: ssh: permission denied (publickey): the node does not accept the
  job's key
  hint: every node's container needs the same key; docker logs there tells which
    one it has
! 10.0.0.7: Open MPI 4.1.5, the primary has Open MPI 4.1.4
  hint: does every node run the same image? docker images --digests tells
! 10.0.0.7: /opt/app: not found there
  hint: the program must be in the image, or at the same path on every node
* 10.0.0.5: cores 2, the others 30
  hint: does the container have a cpuset or a quota (--cpuset-cpus, --cpus)?
* 10.0.0.5: its clock is 90.4 s ahead of the primary's
  hint: is its time synchronised? chronyc tracking on the VM tells

4 nodes: a job would fail on 10.0.0.6, 10.0.0.7; 10.0.0.5 differs
)");
}

TEST(Matrix, PutsColumnsThatDoNotFitBelow) {
  EXPECT_EQ(matrix(troubled(), {46, false, false}), R"(node      Open MPI  cores  memory
10.0.0.4  4.1.4     30     448 GiB
10.0.0.5  4.1.4     2 *    448 GiB
10.0.0.6  permission denied (publickey) !
10.0.0.7  4.1.5 !   30     448 GiB

node      /dev/shm          memlock   CMA
10.0.0.4  1 GiB             no limit  yes
10.0.0.5  300 MiB of 1 GiB  no limit  yes
10.0.0.7  1 GiB             no limit  yes

node      clock       program    directory
10.0.0.4  <10 ms      ok         ok
10.0.0.5  +90.40 s *  ok         ok
10.0.0.7  <10 ms      missing !  ok

node      way back  shipyard
10.0.0.4  ok        0.1.0
10.0.0.5  ok        0.1.0
10.0.0.7  ok        0.1.0

! 10.0.0.6: ssh: permission denied
  (publickey): the node does not accept the
  job's key
  hint: every node's container needs the same
    key; docker logs there tells which one
    it has
! 10.0.0.7: Open MPI 4.1.5, the primary has
  Open MPI 4.1.4
  hint: does every node run the same image?
    docker images --digests tells
! 10.0.0.7: /opt/app: not found there
  hint: the program must be in the image, or
    at the same path on every node
* 10.0.0.5: cores 2, the others 30
  hint: does the container have a cpuset or a
    quota (--cpuset-cpus, --cpus)?
* 10.0.0.5: its clock is 90.4 s ahead of the
  primary's
  hint: is its time synchronised? chronyc
    tracking on the VM tells

4 nodes: a job would fail on 10.0.0.6,
  10.0.0.7; 10.0.0.5 differs
)");
}

TEST(Matrix, HasNoLineWiderThanTheTerminal) {
  auto check = troubled();
  check.nodes[0].host = "node-with-a-long-name-in-a-network";
  for (int columns = 60; columns <= 160; ++columns) {
    std::istringstream lines(matrix(check, {columns, false, false}));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(static_cast<int>(line.size()), columns) << line;
  }
}

TEST(Matrix, ShowsManyNodesByGroups) {
  auto check = fine_check(300);
  check.asked.program.clear();
  for (auto& node : check.nodes) node.facts->infiniband = {{"mlx5_0:1", "ACTIVE", "200 Gb/sec (4X HDR)"}};
  check.nodes[150].facts->cores = 2;
  for (std::size_t i : {20, 21}) fail(check.nodes[i], Kind::kNoAnswer, "no answer within 15 s");
  EXPECT_EQ(
      matrix(check, {110, false, false}),
      R"(node           Open MPI  cores  memory   /dev/shm  memlock   CMA  InfiniBand  clock   directory  way back
10.0.0.4 +296  4.1.4     30     448 GiB  1 GiB     no limit  yes  200 Gb/sec  <10 ms  ok         ok
10.0.0.24 +1   no answer within 15 s !
10.0.0.154     4.1.4     2 *    448 GiB  1 GiB     no limit  yes  200 Gb/sec  <10 ms  ok         ok

node           shipyard
10.0.0.4 +296  0.1.0
10.0.0.154     0.1.0

! 10.0.0.24, 10.0.0.25: no answer within 15 s
  hint: the node may be frozen, or cut off from the network
* 10.0.0.154: cores 2, the others 30
  hint: does the container have a cpuset or a quota (--cpuset-cpus, --cpus)?

300 nodes: a job would fail on 10.0.0.24, 10.0.0.25; 10.0.0.154 differs
)");
}

TEST(Matrix, ColoursWhatIsMarked) {
  auto check = fine_check(3);
  check.nodes[1].facts->cores = 2;
  fail(check.nodes[2], Kind::kNoAnswer, "no answer within 15 s");
  const std::string text = matrix(check, {120, true, true});
  EXPECT_NE(text.find("4.1.4     \033[1;33m2 *\033[0m    448 GiB"), std::string::npos) << text;
  EXPECT_NE(text.find("10.0.0.6  \033[1;31mno answer within 15 s !\033[0m\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n\033[1;31m!\033[0m 10.0.0.6: no answer within 15 s\n"), std::string::npos) << text;
  EXPECT_EQ(matrix(check, {120, true, false}).find('\033'), std::string::npos);
}

TEST(Matrix, HasRowsAloneWhereNoNodeAnswers) {
  auto check = fine_check(2);
  fail(check.nodes[0], Kind::kOther,
       "\x1b[2Jwhat a node says for no good reason and at a length that no terminal has");
  fail(check.nodes[1], Kind::kNoAnswer, "no answer within 15 s");
  EXPECT_EQ(matrix(check, {60, false, false}), R"(node
10.0.0.4  ?[2Jwhat a node says for no good reason and at a
          length that no terminal has !
10.0.0.5  no answer within 15 s !

! 10.0.0.5: no answer within 15 s
  hint: the node may be frozen, or cut off from the network
! 10.0.0.4: answers, but not as shipyard-mpirun 0.1.0 does:
  ?[2Jwhat a node says for no good reason and at a length
  that no terminal has
  hint: the same version of shipyard-mpirun must be
    installed on every node

2 nodes: a job would fail on 10.0.0.4, 10.0.0.5
)");
}

// Open MPI's number alone would not tell them apart.
TEST(Matrix, NamesTheMpiWhereNodesHaveSeveral) {
  auto check = fine_check(2);
  check.nodes[1].facts->mpi.version = "MPICH 4.0.2";
  EXPECT_EQ(matrix(check, {120, false, false}).substr(0, 50),
            "node      MPI             cores  memory   /dev/shm");
}

TEST(Matrix, LeavesOutWhatIsNobodys) {
  auto check = fine_check(2);
  EXPECT_EQ(matrix(check, kPlain).find("InfiniBand"), std::string::npos);
  check.asked.program.clear();
  EXPECT_EQ(matrix(check, kPlain).find("program"), std::string::npos);
}

}  // namespace
}  // namespace shipyard::launcher::check
