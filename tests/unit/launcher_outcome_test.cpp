#include "launcher/outcome.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

#include "launcher/exit_status.hpp"

namespace shipyard::launcher {
namespace {

using supervise::JobResult;
using supervise::RankRecord;

Exit exited(int status) { return {false, status}; }
Exit killed_by(int number) { return {true, number}; }

RankRecord ended(int rank, Exit exit, int order) {
  return {.rank = rank, .host = "10.0.0.4", .exit = exit, .order = order};
}
RankRecord lost(int rank, const char* host = "10.0.0.5") {
  return {.rank = rank, .host = host, .lost = true};
}
RankRecord running(int rank) { return {.rank = rank, .host = "10.0.0.4"}; }
RankRecord unstarted(int rank, int error, const char* missing, int order = 1) {
  return {.rank = rank, .host = "10.0.0.5", .start_error = error, .missing = missing, .order = order};
}

Outcome judged(const JobResult& result, int expected) { return classify(result, expected, "./app", "/w"); }

void expect(const Outcome& outcome, const char* name, int status, const char* message,
            const char* hint = "") {
  EXPECT_EQ(outcome.name, name);
  EXPECT_EQ(outcome.status, status);
  EXPECT_EQ(outcome.message, message);
  EXPECT_EQ(outcome.hint, hint);
}

TEST(Classify, CompletedNeedsEveryRanksWord) {
  expect(judged({.mpirun = exited(0), .ranks = {ended(0, exited(0), 1), ended(1, exited(0), 2)}}, 2),
         "completed", 0, "");
}

// Open MPI 5.0 exits with 0 after a node was lost.
TEST(Classify, NothingIsCompletedOnMpirunsWordAlone) {
  expect(judged({.mpirun = exited(0), .ranks = {ended(0, exited(0), 1), lost(1)}}, 2), "node_lost", kNodeLost,
         "node 10.0.0.5 was lost while the job ran: rank 1 never said how it ended");
  expect(judged({.mpirun = exited(0), .ranks = {ended(0, exited(0), 1)}}, 3), "node_lost", kNodeLost,
         "2 of 3 ranks never said how they ended");
  expect(judged({.mpirun = exited(0)}, 2), "node_lost", kNodeLost, "2 of 2 ranks never said how they ended");
}

TEST(Classify, ARankThatFailedIsNoSuccessEitherWhateverMpirunSays) {
  expect(judged({.mpirun = exited(0), .ranks = {ended(0, exited(0), 1), ended(1, exited(5), 2)}}, 2),
         "app_failed", 5, "./app: rank 1 on 10.0.0.4 ended with exit status 5");
  expect(judged({.mpirun = exited(0), .ranks = {ended(0, exited(0), 1), ended(1, killed_by(SIGKILL), 2)}}, 2),
         "app_failed", 137, "./app: rank 1 on 10.0.0.4 ended with signal 9 (Killed)");
}

TEST(Classify, AProgramsExitStatusIsHandedOn) {
  expect(judged({.mpirun = exited(3), .ranks = {ended(0, exited(3), 1), ended(1, killed_by(SIGTERM), 2)}}, 2),
         "app_failed", 3, "./app: rank 0 on 10.0.0.4 ended with exit status 3");
}

TEST(Classify, OfSeveralTheOneThatMpirunMeansIsNamed) {
  expect(judged({.mpirun = exited(8), .ranks = {ended(0, exited(3), 1), ended(1, exited(8), 2)}}, 2),
         "app_failed", 8, "./app: rank 1 on 10.0.0.4 ended with exit status 8");
  // mpirun's own number fits none of them: the first that failed by itself.
  expect(judged({.mpirun = exited(1), .ranks = {ended(0, exited(4), 2), ended(1, exited(3), 1)}}, 2),
         "app_failed", 3, "./app: rank 1 on 10.0.0.4 ended with exit status 3");
}

TEST(Classify, ASignalOfTheProgramsOwnIs128AndItsNumber) {
  expect(judged({.mpirun = exited(139),
                 .ranks = {ended(0, killed_by(SIGTERM), 1), ended(1, killed_by(SIGSEGV), 2)}},
                2),
         "app_failed", 139, "./app: rank 1 on 10.0.0.4 ended with signal 11 (Segmentation fault)");
}

TEST(Classify, AnOutOfMemoryKillIsTheProgramsEnd) {
  expect(judged({.mpirun = exited(137),
                 .ranks = {ended(0, killed_by(SIGKILL), 1), ended(1, killed_by(SIGTERM), 2)}},
                2),
         "app_failed", 137, "./app: rank 0 on 10.0.0.4 ended with signal 9 (Killed)");
}

TEST(Classify, AnAbortHandsOnItsStatus) {
  // MPI_Abort(42): mpirun kills all ranks, the one that called it among them.
  expect(judged({.mpirun = exited(42),
                 .ranks = {ended(0, killed_by(SIGTERM), 1), ended(1, killed_by(SIGTERM), 2)}},
                2),
         "app_failed", 42, "./app: the job was aborted with status 42");
  expect(
      judged({.mpirun = exited(42), .ranks = {ended(0, killed_by(SIGTERM), 1), ended(1, exited(42), 2)}}, 2),
      "app_failed", 42, "./app: rank 1 on 10.0.0.4 ended with exit status 42");
}

// Open MPI 4.1 gives 205 and 5.0 255 where a daemon or node is gone.
TEST(Classify, ALostNodeIsNamed) {
  for (int status : {1, 205, 255}) {
    expect(judged({.mpirun = exited(status), .ranks = {ended(0, killed_by(SIGKILL), 1), lost(1)}}, 2),
           "node_lost", kNodeLost,
           "node 10.0.0.5 was lost while the job ran: rank 1 never said how it ended");
  }
}

TEST(Classify, RanksThatFailBecauseANodeIsLostAreNotTheCause) {
  // The launcher ended the job, and a rank's own handler turned SIGTERM into an exit status.
  expect(
      judged({.mpirun = exited(1), .ended_for_loss = true, .ranks = {ended(0, exited(15), 1), lost(1)}}, 2),
      "node_lost", kNodeLost, "node 10.0.0.5 was lost while the job ran: rank 1 never said how it ended");
}

TEST(Classify, AProgramMissingOnANodeIs127) {
  expect(judged({.mpirun = exited(132), .ranks = {unstarted(1, ENOENT, "program")}}, 2), "config_error",
         kNotFound, "./app: not found by rank 1 on 10.0.0.5",
         "the program must be in the image, or at the same path on every node");
}

TEST(Classify, AProgramThatCannotRunIs126) {
  expect(judged({.mpirun = exited(183), .ranks = {unstarted(0, EACCES, "program")}}, 2), "config_error",
         kNotExecutable, "./app: rank 0 on 10.0.0.5 cannot execute it: Permission denied");
  expect(judged({.mpirun = exited(126), .ranks = {unstarted(0, ENOEXEC, "program")}}, 2), "config_error",
         kNotExecutable, "./app: rank 0 on 10.0.0.5 cannot execute it: Exec format error");
}

TEST(Classify, AMissingWorkingDirectoryIsAConfigurationError) {
  expect(judged({.mpirun = exited(125), .ranks = {unstarted(1, ENOENT, "directory")}}, 2), "config_error",
         kConfigError, "rank 1 on 10.0.0.5 cannot enter the working directory /w: No such file or directory",
         "--wdir DIR names one that every node has");
}

TEST(Classify, ALayoutThatMakesNoSenseIsAConfigurationError) {
  RankRecord rank = unstarted(1, EINVAL, "layout");
  rank.problem = "SHIPYARD_LAYOUT is of another version of shipyard-mpirun";
  expect(judged({.mpirun = exited(125), .ranks = {rank}}, 2), "config_error", kConfigError,
         "rank 1 on 10.0.0.5 cannot use its part of the layout: SHIPYARD_LAYOUT is of another version of "
         "shipyard-mpirun",
         "the same version of shipyard-mpirun must be installed on every node");
}

TEST(Classify, OfTwoRanksThatCouldNotStartTheFirstIsNamed) {
  expect(judged({.mpirun = exited(127),
                 .ranks = {unstarted(0, ENOENT, "program", 2), unstarted(1, EACCES, "program", 1)}},
                2),
         "config_error", kNotExecutable, "./app: rank 1 on 10.0.0.5 cannot execute it: Permission denied");
}

TEST(Classify, ASignalToTheLauncherIsNeverASuccess) {
  expect(judged({.mpirun = exited(0), .signal = SIGTERM, .ranks = {ended(0, exited(0), 1)}}, 1), "terminated",
         143, "SIGTERM received: the job was ended");
  expect(
      judged({.mpirun = exited(1), .signal = SIGINT, .ranks = {ended(0, killed_by(SIGTERM), 1), lost(1)}}, 2),
      "terminated", 130, "SIGINT received: the job was ended");
}

TEST(Classify, TheEndOfTheLifelineIsSaidAsSuch) {
  expect(judged({.mpirun = exited(1), .signal = SIGTERM, .lifeline_ended = true}, 1), "terminated", 143,
         "standard input ended (SHIPYARD_LIFELINE): the job was ended");
}

TEST(Classify, MpirunThatStartsNoRankFailedToLaunch) {
  expect(judged({.mpirun = exited(255)}, 2), "launch_failed", kLaunchFailed,
         "mpirun could not start the job (exit status 255); what it said is above");
  expect(judged({.mpirun = killed_by(SIGSEGV)}, 2), "launch_failed", kLaunchFailed,
         "mpirun could not start the job (signal 11 (Segmentation fault)); what it said is above");
}

TEST(Classify, MpirunThatStartsSomeRanksFailedToLaunch) {
  expect(judged({.mpirun = exited(1), .ranks = {running(0)}}, 4), "launch_failed", kLaunchFailed,
         "mpirun ended with exit status 1 after 1 of 4 ranks had started; what it said is above");
}

TEST(Classify, MpirunThatDiesBelowItsRanksIsNamed) {
  expect(judged({.mpirun = killed_by(SIGKILL), .ranks = {ended(0, killed_by(SIGTERM), 1)}}, 1), "app_failed",
         143, "./app: rank 0 on 10.0.0.4 ended with signal 15 (Terminated)");
  // All ranks succeeded, and mpirun stumbled afterwards.
  expect(judged({.mpirun = exited(1), .ranks = {ended(0, exited(0), 1)}}, 1), "app_failed", 1,
         "mpirun ended with exit status 1; what it said is above");
}

}  // namespace
}  // namespace shipyard::launcher
