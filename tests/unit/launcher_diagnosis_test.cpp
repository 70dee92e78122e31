#include "launcher/mpi/diagnosis.hpp"

#include <gtest/gtest.h>

namespace shipyard::mpi {
namespace {

TEST(Diagnose, FindsMpiAbortInBothVersions) {
  const auto four = diagnose(
      "--------------------\nMPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\n"
      "with errorcode -3.\n\nNOTE: invoking MPI_ABORT causes");
  ASSERT_TRUE(four.abort);
  EXPECT_EQ(four.abort->rank, 1);
  EXPECT_EQ(four.abort->code, -3);
  EXPECT_TRUE(four.abort->whole_job);
  const auto five = diagnose(
      "MPI_ABORT was invoked on rank 12 in communicator MPI_COMM_WORLD\n  Proc: [[1,1],1]\n"
      "  Errorcode: 42\n");
  ASSERT_TRUE(five.abort);
  EXPECT_EQ(five.abort->rank, 12);
  EXPECT_EQ(five.abort->code, 42);
  EXPECT_FALSE(diagnose("MPI_ABORT was invoked on rank").abort);
  EXPECT_FALSE(diagnose("MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD").abort);
}

TEST(Diagnose, FindsTheRankThatEndedImproperly) {
  EXPECT_EQ(diagnose("mpirun has exited due to process rank 1 with PID 5 on\nnode a exiting improperly.")
                .improper_rank,
            1);
  EXPECT_EQ(
      diagnose(
          "prterun has exited due to process rank 7 with PID 209 on node node-1 exiting\nimproperly. There")
          .improper_rank,
      7);
  EXPECT_FALSE(diagnose("has exited due to process rank 7 properly").improper_rank);
}

TEST(Diagnose, NamesTheNodeThatRefusesTheKey) {
  EXPECT_EQ(diagnose("root@10.0.0.5: Permission denied (publickey).\r\nORTE was").ssh_refusal,
            "10.0.0.5: Permission denied (publickey)");
  EXPECT_EQ(diagnose("fe80::1: Permission denied (publickey,password).").ssh_refusal,
            "fe80::1: Permission denied (publickey,password)");
  EXPECT_EQ(diagnose("a\nHost key verification failed.\r\n").ssh_refusal, "Host key verification failed");
  EXPECT_EQ(diagnose("cat: x: Permission denied").ssh_refusal, "");
}

TEST(Diagnose, FindsARankThatCannotReachTheLauncher) {
  EXPECT_EQ(
      diagnose("x\nshipyard-rank: error: cannot reach the launcher at 10.0.0.4:1 from b: No route to host\ny")
          .unreachable_launcher,
      "cannot reach the launcher at 10.0.0.4:1 from b: No route to host");
}

TEST(WithoutNoise, LeavesOutTheRaceOfSetpgid) {
  EXPECT_EQ(without_noise("a\n[n:1] plm:ssh: Warning: setpgid(61,61) failed in parent with errno=Permission "
                          "denied(13)\nb"),
            "a\nb");
  EXPECT_EQ(without_noise(""), "");
  EXPECT_EQ(without_noise("\n\n"), "\n\n");
}

}  // namespace
}  // namespace shipyard::mpi
