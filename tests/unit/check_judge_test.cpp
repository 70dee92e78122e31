#include "launcher/check/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/exit_status.hpp"
#include "tests/unit/check_samples.hpp"

namespace shipyard::launcher::check {
namespace {

using Kind = SshFailure::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(const NodeCheck& check) {
  std::vector<std::string> result;
  for (const auto& finding : judge(check)) {
    result.push_back((finding.severity == Severity::kError ? "! " : "* ") + finding_text(check, finding));
  }
  return result;
}
/// "STATUS NAME: MESSAGE".
std::string cause(const NodeCheck& check) {
  const auto outcome = cause_of(check);
  return outcome ? std::to_string(outcome->status) + " " + outcome->name + ": " + outcome->message : "none";
}

TEST(Judge, FindsNothingAboutNodesThatAreAlike) {
  EXPECT_THAT(judge(fine_check(4)), IsEmpty());
  EXPECT_THAT(judge(fine_check(1)), IsEmpty());
  EXPECT_EQ(cause(fine_check(4)), "none");
}

TEST(Judge, HoldsTheOddOneAgainstTheMajority) {
  auto check = fine_check(4);
  auto& odd = *check.nodes[0].facts;
  odd.cores = 2;
  odd.memory_limit = kGiB;
  odd.shared_memory_bytes = 512 * kMiB;
  odd.locked_memory = 65536;
  odd.single_copy = false;
  odd.infiniband = {{"mlx5_0:1", "ACTIVE", "200 Gb/sec (4X HDR)"}};
  EXPECT_THAT(
      texts(check),
      ElementsAre("* 10.0.0.4: /dev/shm 512 MiB, the others 1 GiB", "* 10.0.0.4: cores 2, the others 30",
                  "* 10.0.0.4: memory 1 GiB, the others 448 GiB",
                  "* 10.0.0.4: memlock 64 KiB, the others no limit", "* 10.0.0.4: CMA no, the others yes",
                  "* 10.0.0.4: InfiniBand 200 Gb/sec, the others none"));
  EXPECT_EQ(cause(check), "none");
}

TEST(Judge, HoldsTwoAgainstThePrimary) {
  auto check = fine_check(2);
  check.nodes[1].facts->cpu_quota = 2;
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.5: cores 2 of 30, the primary 30"));
}

TEST(Judge, NamesEachKindOfOddNode) {
  auto check = fine_check(9);
  for (int i : {1, 2, 3, 4}) check.nodes[static_cast<std::size_t>(i)].facts->cores = i == 4 ? 8 : 2;
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.5, 10.0.0.6, 10.0.0.7: cores 2, most nodes 30",
                                        "* 10.0.0.8: cores 8, most nodes 30"));
  auto many = fine_check(20);
  for (std::size_t i = 1; i < 8; ++i) many.nodes[i].facts->cores = 2;
  EXPECT_THAT(texts(many), ElementsAre("* 10.0.0.5, 10.0.0.6, 10.0.0.7 and 4 more: cores 2, the others 30"));
}

// The kernel of each VM keeps a little more or less of the memory for itself.
TEST(Judge, TakesNearlyEqualMemoriesForEqual) {
  auto check = fine_check(3);
  check.nodes[1].facts->memory_bytes -= 8 * kGiB;
  EXPECT_THAT(judge(check), IsEmpty());
  check.nodes[1].facts->memory_bytes -= 8 * kGiB;
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.5: memory 432 GiB, the others 448 GiB"));
}

// Azure's accelerated networking takes a number of its own.
TEST(Judge, DoesNotCompareTheNumbersOfInfiniBandDevices) {
  auto check = fine_check(2);
  check.nodes[0].facts->infiniband = {{"mlx5_0:1", "ACTIVE", "200 Gb/sec (4X HDR)"}};
  check.nodes[1].facts->infiniband = {{"mlx5_1:1", "ACTIVE", "200 Gb/sec (4X HDR)"}};
  EXPECT_THAT(judge(check), IsEmpty());
  check.nodes[1].facts->infiniband[0].state = "DOWN";
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.5: InfiniBand port mlx5_1:1 is DOWN"));
}

TEST(Judge, AllowsForTheRoundTripOfTheClock) {
  auto check = fine_check(2);
  check.nodes[1].facts->connect_back = ConnectBack{{}, 400'000, 690'000};
  EXPECT_THAT(judge(check), IsEmpty());
  check.nodes[1].facts->connect_back = ConnectBack{{}, 400'000, 1'250'000};
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.5: its clock is 1.2 s ahead of the primary's"));
  check.nodes[1].facts->connect_back = ConnectBack{{}, 200, -90'000'000};
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.5: its clock is 90.0 s behind the primary's"));
}

TEST(CauseOf, NamesHowSshFailed) {
  const auto failed = [](Kind kind, const char* words) {
    auto check = fine_check(3);
    fail(check.nodes[2], kind, words);
    return cause(check);
  };
  EXPECT_EQ(failed(Kind::kPermissionDenied, "permission denied (publickey)"),
            "121 launch_failed: 10.0.0.6: ssh: permission denied (publickey): the node does not accept the "
            "job's key");
  EXPECT_EQ(
      failed(Kind::kHostKey, "Host key verification failed"),
      "121 launch_failed: 10.0.0.6: refused: its host key is not the job's (Host key verification failed)");
  EXPECT_EQ(failed(Kind::kUnreachable, "connection refused"),
            "120 node_unreachable: 10.0.0.6: connection refused");
  EXPECT_EQ(failed(Kind::kNoAnswer, "no answer within 15 s"),
            "120 node_unreachable: 10.0.0.6: no answer within 15 s");
  EXPECT_EQ(failed(Kind::kClosed, "Connection reset by peer"),
            "121 launch_failed: 10.0.0.6: ssh: Connection reset by peer");
  EXPECT_EQ(failed(Kind::kNoLauncher, "not found"),
            "125 config_error: 10.0.0.6: shipyard-mpirun is not installed there");
  EXPECT_EQ(failed(Kind::kOther, "what?"),
            "125 config_error: 10.0.0.6: answers, but not as shipyard-mpirun 0.1.0 does: what?");
}

TEST(CauseOf, NamesTheNodeAndItsOpenMpi) {
  auto check = fine_check(3);
  check.nodes[2].facts->mpi.version = "Open MPI 4.1.5";
  EXPECT_EQ(cause(check), "125 config_error: 10.0.0.6: Open MPI 4.1.5, the primary has Open MPI 4.1.4");
  // Its daemon has another name.
  check.nodes[2].facts->mpi = {"/usr/bin/mpirun", "Open MPI 5.0.7", "", ""};
  EXPECT_EQ(cause(check), "125 config_error: 10.0.0.6: Open MPI 5.0.7, the primary has Open MPI 4.1.4");
  check.nodes[2].facts->mpi = {"", "", "", "no mpirun"};
  EXPECT_EQ(cause(check), "125 config_error: 10.0.0.6: Open MPI is missing: no /usr/bin/orted");
  // The daemon is all that a job needs there.
  check.nodes[2].facts->mpi.daemon = "/usr/bin/orted";
  EXPECT_EQ(cause(check), "none");
  EXPECT_THAT(texts(check), ElementsAre("* 10.0.0.6: the version of MPI is not known: no mpirun"));
}

// Not by majority: it is the primary's mpirun that has to speak with all the others.
TEST(CauseOf, HoldsVersionsAgainstThePrimary) {
  auto check = fine_check(3);
  check.mpi.text = "4.1.6";
  check.nodes[0].facts->mpi.version = "Open MPI 4.1.6";
  EXPECT_EQ(cause(check),
            "125 config_error: 10.0.0.5, 10.0.0.6: Open MPI 4.1.4, the primary has Open MPI 4.1.6");
}

TEST(CauseOf, NamesWhatIsMissingOnANode) {
  const auto with = [](auto change) {
    auto check = fine_check(3);
    change(*check.nodes[1].facts);
    return cause(check);
  };
  EXPECT_EQ(with([](NodeFacts& f) { f.program = ENOENT; }),
            "127 config_error: 10.0.0.5: /opt/app: not found there");
  EXPECT_EQ(with([](NodeFacts& f) { f.program = EACCES; }),
            "126 config_error: 10.0.0.5: /opt/app: cannot be executed there: Permission denied");
  EXPECT_EQ(
      with([](NodeFacts& f) { f.working_directory = ENOENT; }),
      "125 config_error: 10.0.0.5: cannot enter the working directory /work: No such file or directory");
  EXPECT_EQ(with([](NodeFacts& f) { f.rank_program = ENOENT; }),
            "125 config_error: 10.0.0.5: /usr/libexec/shipyard/shipyard-rank: No such file or directory");
  EXPECT_EQ(with([](NodeFacts& f) { f.shipyard = "0.0.9"; }),
            "125 config_error: 10.0.0.5: shipyard-mpirun 0.0.9, here it is 0.1.0");
  EXPECT_EQ(with([](NodeFacts& f) {
              f.connect_back = ConnectBack{"no answer", 0, 0};
            }),
            "121 launch_failed: 10.0.0.5: cannot reach the primary at 10.0.0.4 (no answer): a firewall?");
}

TEST(CauseOf, CountsTheSharedMemoryThatTheNodesRanksNeed) {
  auto check = fine_check(3);
  check.nodes[1].facts->shared_memory_free = 64 * kMiB;
  EXPECT_EQ(cause(check),
            "125 config_error: 10.0.0.5: /dev/shm has 64 MiB free, but 30 ranks can need 121 MiB");
  EXPECT_EQ(cause_of(check)->hint, "start the container with --shm-size=121m or --ipc=host");
  check.judge_shared_memory = false;
  EXPECT_EQ(cause(check), "none");
  check.judge_shared_memory = true;
  check.nodes[1].ranks = 15;
  EXPECT_EQ(cause(check), "none");
}

TEST(CauseOf, TakesTheFirstThingThatGoesWrong) {
  auto check = fine_check(4);
  check.nodes[1].facts->program = ENOENT;
  check.nodes[2].facts->mpi.version = "Open MPI 4.1.5";
  check.nodes[3].facts->cores = 1;
  EXPECT_EQ(cause(check), "125 config_error: 10.0.0.6: Open MPI 4.1.5, the primary has Open MPI 4.1.4");
  fail(check.nodes[3], Kind::kPermissionDenied, "permission denied (publickey)");
  EXPECT_EQ(cause_of(check)->status, kLaunchFailed);
}

}  // namespace
}  // namespace shipyard::launcher::check
