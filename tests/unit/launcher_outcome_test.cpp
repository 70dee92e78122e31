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
RankRecord lost(int rank, const char* host = "10.0.0.5", int order = 0) {
  return {.rank = rank, .host = host, .lost = true, .order = order};
}
RankRecord running(int rank) { return {.rank = rank, .host = "10.0.0.4"}; }
RankRecord unstarted(int rank, int error, const char* missing, int order = 1) {
  return {.rank = rank, .host = "10.0.0.5", .start_error = error, .missing = missing, .order = order};
}

Outcome judged(const JobResult& result, int expected, mpi::Dialect dialect = mpi::Dialect::kOpenMpi4,
               int preempt_signal = SIGUSR1) {
  return classify(result, {.ranks = expected,
                           .program = "./app",
                           .directory = "/w",
                           .dialect = dialect,
                           .node_timeout = std::chrono::seconds(15),
                           .launch_timeout = std::chrono::seconds(122),
                           .timeout = std::chrono::minutes(1),
                           .preempt_signal = preempt_signal});
}
Outcome judged_of_hydra(const JobResult& result, int expected) {
  return judged(result, expected, mpi::Dialect::kHydra);
}

void expect(const Outcome& outcome, const char* name, int status, const char* message,
            const char* hint = "") {
  EXPECT_EQ(outcome.name, name);
  EXPECT_EQ(outcome.status, status);
  EXPECT_EQ(outcome.message, message);
  EXPECT_EQ(outcome.hint, hint);
}

supervise::PreemptionNotice notice() {
  return {"10.0.0.5", std::chrono::seconds(30), "Preempt", "C7061BAC", ""};
}
constexpr const char* kPreemptedText =
    "node 10.0.0.5 is about to be preempted by Azure (Preempt, in 30 s): the ranks were sent SIGUSR1; ";
constexpr const char* kAnotherTry =
    "worth another try; SHIPYARD_ATTEMPT, where you set it, tells the ranks which one it is";

TEST(Classify, AJobThatWasSentTheSignalIsPreemptedHoweverItEnds) {
  const std::string text = kPreemptedText;
  for (auto dialect : {mpi::Dialect::kOpenMpi4, mpi::Dialect::kOpenMpi5, mpi::Dialect::kHydra}) {
    expect(judged({.mpirun = exited(0),
                   .preemption = notice(),
                   .ranks = {ended(0, exited(0), 1), ended(1, exited(0), 2)}},
                  2, dialect),
           "preempted", kPreempted, (text + "2 of 2 ended by themselves").c_str(), kAnotherTry);
    expect(judged({.mpirun = exited(3),
                   .preemption = notice(),
                   .ranks = {ended(0, exited(3), 1), ended(1, killed_by(SIGTERM), 2)}},
                  2, dialect),
           "preempted", kPreempted, (text + "1 of 2 ended by themselves").c_str(), kAnotherTry);
  }
  // The node went before its rank had ended: that is no lost node.
  expect(judged({.mpirun = exited(0), .preemption = notice(), .ranks = {ended(0, exited(0), 1), lost(1)}}, 2),
         "preempted", kPreempted, (text + "1 of 2 ended by themselves").c_str(), kAnotherTry);
  expect(judged({.mpirun = killed_by(SIGKILL),
                 .ended = supervise::Ended::kPreempted,
                 .preemption = notice(),
                 .ranks = {lost(0), lost(1)}},
                2),
         "preempted", kPreempted, (text + "0 of 2 ended by themselves").c_str(), kAnotherTry);
  for (auto other :
       {supervise::Ended::kTimeLimit, supervise::Ended::kHungAtItsEnd, supervise::Ended::kForLoss})
    EXPECT_EQ(
        judged(
            {.mpirun = exited(1), .ended = other, .preemption = notice(), .ranks = {ended(0, exited(0), 1)}},
            1)
            .status,
        kPreempted);
}

TEST(Classify, AProgramThatDiesOfTheSignalIsToldToCatchIt) {
  const std::string text = kPreemptedText;
  expect(judged({.mpirun = exited(138),
                 .preemption = notice(),
                 .ranks = {ended(0, killed_by(SIGUSR1), 1), ended(1, killed_by(SIGTERM), 2)}},
                2),
         "preempted", kPreempted, (text + "0 of 2 ended by themselves").c_str(),
         "the program must catch SIGUSR1, or it dies of it before it has written anything");
  const auto hint_for_term = [](supervise::Ended how, Exit first) {
    return judged({.mpirun = exited(143),
                   .ended = how,
                   .preemption = notice(),
                   .ranks = {ended(0, first, 1), ended(1, killed_by(SIGTERM), 2)}},
                  2, mpi::Dialect::kOpenMpi4, SIGTERM)
        .hint;
  };
  // mpirun ends the others with the same signal.
  EXPECT_EQ(hint_for_term(supervise::Ended::kByItself, exited(0)), kAnotherTry);
  EXPECT_EQ(hint_for_term(supervise::Ended::kPreempted, killed_by(SIGTERM)), kAnotherTry);
  EXPECT_EQ(hint_for_term(supervise::Ended::kByItself, killed_by(SIGTERM)),
            "the program must catch SIGTERM, or it dies of it before it has written anything");
}

TEST(Classify, ASignalToTheLauncherAndARankThatCouldNotStartComeBeforeAPreemption) {
  EXPECT_EQ(
      judged(
          {.mpirun = exited(0), .signal = SIGTERM, .preemption = notice(), .ranks = {ended(0, exited(0), 1)}},
          1)
          .name,
      "terminated");
  EXPECT_EQ(
      judged({.mpirun = exited(1), .preemption = notice(), .ranks = {unstarted(0, ENOENT, "program")}}, 1)
          .status,
      kNotFound);
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
         "app_failed", 42, "./app: the job was aborted with status 42; what mpirun said is above");
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

// For the loss mpirun, or the launcher, kills the others, and shipyard-rank with them where it is slow.
TEST(Classify, OfSeveralThatNeverSaidHowTheyEndedTheFirstIsNamed) {
  RankRecord here = lost(0, "10.0.0.4", 2);
  here.on_this_node = true;
  const char* node_lost = "node 10.0.0.6 was lost while the job ran: rank 2 never said how it ended";
  for (auto reason : {supervise::Ended::kByItself, supervise::Ended::kForLoss}) {
    expect(judged({.mpirun = exited(205),
                   .ended = reason,
                   .ranks = {here, lost(1, "10.0.0.5", 3), lost(2, "10.0.0.6", 1)}},
                  3),
           "node_lost", kNodeLost, node_lost);
  }
}

TEST(Classify, TheNodeThatSaysSoIsNotLost) {
  RankRecord here = lost(0, "10.0.0.4", 1);
  here.on_this_node = true;
  expect(judged({.mpirun = exited(205), .ranks = {here, ended(1, killed_by(SIGTERM), 2)}}, 2), "node_lost",
         kNodeLost, "rank 0 on 10.0.0.4 never said how it ended: it was killed, and shipyard-rank beside it",
         "out of memory on this node?");
  // Its connection is open still: that it was killed nobody has seen.
  here.lost = false;
  here.order = 0;
  expect(judged({.mpirun = exited(0), .ranks = {here, ended(1, exited(0), 1)}}, 2), "node_lost", kNodeLost,
         "rank 0 on 10.0.0.4 never said how it ended");
}

TEST(Classify, RanksThatFailBecauseANodeIsLostAreNotTheCause) {
  // The launcher ended the job, and a rank's own handler turned SIGTERM into an exit status.
  expect(judged({.mpirun = exited(1),
                 .ended = supervise::Ended::kForLoss,
                 .ranks = {ended(0, exited(15), 2), lost(1, "10.0.0.5", 1)}},
                2),
         "node_lost", kNodeLost, "node 10.0.0.5 was lost while the job ran: rank 1 never said how it ended");
}

// A rank that finds its peer gone ends with 14, and mpirun hands that on.
TEST(ClassifyOpenMpi5, ARankThatFindsItsPeerGoneIsNotTheCause) {
  const auto judged5 = [](const JobResult& result) { return judged(result, 3, mpi::Dialect::kOpenMpi5); };
  const char* node_lost = "node 10.0.0.6 was lost while the job ran: rank 2 never said how it ended";
  expect(
      judged5({.mpirun = exited(14),
               .ranks = {ended(0, exited(14), 2), ended(1, killed_by(SIGTERM), 3), lost(2, "10.0.0.6", 1)}}),
      "node_lost", kNodeLost, node_lost);
  expect(
      judged5({.mpirun = exited(14),
               .ranks = {ended(0, exited(14), 1), ended(1, killed_by(SIGTERM), 2), lost(2, "10.0.0.6", 3)}}),
      "node_lost", kNodeLost, node_lost);
  // mpirun has noticed it before us.
  RankRecord unheard = lost(2, "10.0.0.6");
  unheard.lost = false;
  expect(judged5({.mpirun = exited(14),
                  .ranks = {ended(0, exited(14), 1), ended(1, killed_by(SIGTERM), 2), unheard}}),
         "node_lost", kNodeLost, node_lost);
  // Its peer's own end is heard of later.
  expect(judged5({.mpirun = exited(14),
                  .ranks = {ended(0, exited(14), 1), ended(1, killed_by(SIGSEGV), 2),
                            ended(2, killed_by(SIGTERM), 3)}}),
         "app_failed", 139, "./app: rank 1 on 10.0.0.4 ended with signal 11 (Segmentation fault)");
  expect(judged5({.mpirun = exited(14),
                  .ranks = {ended(0, exited(14), 2), ended(1, killed_by(SIGKILL), 1),
                            ended(2, killed_by(SIGTERM), 3)}}),
         "app_failed", 137, "./app: rank 1 on 10.0.0.4 ended with signal 9 (Killed)");
  // A program's own 14.
  expect(judged5({.mpirun = exited(14),
                  .ranks = {ended(0, exited(14), 1), ended(1, killed_by(SIGTERM), 2),
                            ended(2, killed_by(SIGTERM), 3)}}),
         "app_failed", 14, "./app: rank 0 on 10.0.0.4 ended with exit status 14");
}

TEST(Classify, ASilentNodeWasGoneBeforeWhatFailedMeanwhile) {
  RankRecord silent = lost(1, "10.0.0.5", 2);
  silent.silent = true;
  expect(judged({.mpirun = exited(1), .ranks = {ended(0, exited(1), 1), silent}}, 2), "node_lost", kNodeLost,
         "node 10.0.0.5 was lost while the job ran: no sign of life for 15 s",
         "frozen, cut off from the network, or gone; --node-timeout says how long to wait for it");
}

TEST(Classify, RanksThatAreLostAfterOneHasFailedAreNotTheCause) {
  for (auto reason : {supervise::Ended::kByItself, supervise::Ended::kForLoss}) {
    expect(
        judged(
            {.mpirun = exited(1), .ended = reason, .ranks = {ended(0, exited(3), 1), lost(1, "10.0.0.5", 2)}},
            2),
        "app_failed", 3, "./app: rank 0 on 10.0.0.4 ended with exit status 3");
  }
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
  expect(judged({.mpirun = killed_by(SIGKILL), .ranks = {ended(0, killed_by(SIGTERM), 1)}}, 1), "terminated",
         137, "mpirun itself was ended by signal 9 (Killed): the job was ended with it",
         "it was not ended by shipyard-mpirun: out of memory on this node?");
  // A rank that fails because its daemon is gone.
  expect(judged({.mpirun = killed_by(SIGKILL), .ranks = {ended(0, exited(14), 1)}}, 1), "terminated", 137,
         "mpirun itself was ended by signal 9 (Killed): the job was ended with it",
         "it was not ended by shipyard-mpirun: out of memory on this node?");
  // All ranks succeeded, and mpirun stumbled afterwards.
  expect(judged({.mpirun = exited(1), .ranks = {ended(0, exited(0), 1)}}, 1), "app_failed", 1,
         "mpirun ended with exit status 1; what it said is above");
}

TEST(Classify, ASilentNodeIsNamedAndSaidToBeSilent) {
  RankRecord silent = lost(1);
  silent.silent = true;
  RankRecord another = lost(2, "10.0.0.6");
  another.silent = true;
  const char* hint = "frozen, cut off from the network, or gone; --node-timeout says how long to wait for it";
  expect(judged({.mpirun = killed_by(SIGKILL),
                 .ended = supervise::Ended::kForLoss,
                 .ranks = {ended(0, killed_by(SIGTERM), 1), silent}},
                2),
         "node_lost", kNodeLost, "node 10.0.0.5 was lost while the job ran: no sign of life for 15 s", hint);
  expect(judged({.mpirun = killed_by(SIGKILL),
                 .ended = supervise::Ended::kForLoss,
                 .ranks = {ended(0, killed_by(SIGTERM), 1), silent, another}},
                3),
         "node_lost", kNodeLost,
         "nodes 10.0.0.5 and 10.0.0.6 were lost while the job ran: no sign of life for 15 s", hint);
}

TEST(Classify, ALauncherThatWasStoppedItselfBlamesNoRank) {
  JobResult result{.mpirun = exited(14),
                   .paused = std::chrono::milliseconds(20'700),
                   .ranks = {ended(0, exited(14), 2), ended(1, killed_by(SIGTERM), 1)}};
  expect(
      judged(result, 2), "node_lost", kNodeLost,
      "shipyard-mpirun was stopped for 20 s while the job ran: the ranks ended when they had heard nothing "
      "for 15 s",
      "was this node suspended, or the process stopped? --node-timeout allows more");
  // It took no harm.
  result.mpirun = exited(0);
  result.ranks = {ended(0, exited(0), 2), ended(1, exited(0), 1)};
  expect(judged(result, 2), "completed", 0, "");
}

TEST(Classify, ASignalToTheLauncherCountsMoreThanALossThatFollowed) {
  expect(judged({.mpirun = killed_by(SIGKILL),
                 .ended = supervise::Ended::kForLoss,
                 .signal = SIGTERM,
                 .ranks = {lost(1)}},
                2),
         "terminated", 143, "SIGTERM received: the job was ended");
}

TEST(Classify, ATimeLimitIs124) {
  expect(judged({.mpirun = exited(1),
                 .ended = supervise::Ended::kTimeLimit,
                 .ranks = {ended(0, killed_by(SIGTERM), 1)}},
                1),
         "timed_out", 124, "the job was ended after 60 s, the time that --timeout allows");
}

TEST(Classify, AnMpirunThatHungAfterTheRanksHadEndedTakesNothingFromThem) {
  expect(judged({.mpirun = killed_by(SIGKILL),
                 .ended = supervise::Ended::kHungAtItsEnd,
                 .ranks = {ended(0, exited(0), 1), ended(1, exited(0), 2)}},
                2),
         "completed", 0, "");
  expect(judged({.mpirun = killed_by(SIGKILL),
                 .ended = supervise::Ended::kHungAtItsEnd,
                 .ranks = {ended(0, exited(0), 1), ended(1, exited(4), 2)}},
                2),
         "app_failed", 4, "./app: rank 1 on 10.0.0.4 ended with exit status 4");
}

TEST(Classify, ALaunchThatTakesTooLongNamesTheNodesThatAreMissing) {
  const JobResult result{.mpirun = exited(1),
                         .ended = supervise::Ended::kLaunchTimeout,
                         .ranks = {running(0), running(1), running(2)}};
  const Outcome outcome = classify(result, {.ranks = 6,
                                            .program = "./app",
                                            .nodes = {{"10.0.0.4", 2}, {"10.0.0.5", 2}, {"10.0.0.6", 2}},
                                            .launch_timeout = std::chrono::seconds(122)});
  expect(outcome, "launch_failed", kLaunchFailed,
         "3 of 6 ranks had started after 122 s: none or not all on nodes 10.0.0.5 and 10.0.0.6",
         "--launch-timeout allows more time");
  EXPECT_TRUE(outcome.unexplained);
}

TEST(Classify, MpiAbortIsCalledByItsName) {
  const std::string words =
      "MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\nwith errorcode 42.\n";
  expect(judged({.mpirun = exited(42),
                 .ranks = {ended(0, killed_by(SIGTERM), 2), ended(1, exited(42), 1)},
                 .mpirun_words = words},
                2),
         "app_failed", 42, "./app: rank 1 on 10.0.0.4 called MPI_Abort(42)");
  // mpirun that hung and was ended by us has no status that means anything.
  expect(judged({.mpirun = killed_by(SIGTERM),
                 .ended = supervise::Ended::kHungAtItsEnd,
                 .ranks = {ended(0, killed_by(SIGTERM), 2), ended(1, exited(42), 1)},
                 .mpirun_words = words},
                2),
         "app_failed", 42, "./app: rank 1 on 10.0.0.4 called MPI_Abort(42)");
  // Its number in another communicator says nothing about which rank of the job it is.
  expect(judged({.mpirun = exited(42),
                 .ranks = {ended(0, killed_by(SIGTERM), 2), ended(1, exited(42), 1)},
                 .mpirun_words = "MPI_ABORT was invoked on rank 1 in communicator MPI COMMUNICATOR 3 SPLIT "
                                 "FROM 0\nwith errorcode 42.\n"},
                2),
         "app_failed", 42, "./app: rank 1 of a communicator called MPI_Abort(42)");
}

TEST(Classify, ARankWithoutMpiFinalizeIsNamed) {
  expect(judged({.mpirun = exited(1),
                 .ranks = {ended(0, killed_by(SIGTERM), 2), ended(1, exited(0), 1)},
                 .mpirun_words = "mpirun has exited due to process rank 1 with PID 105 on\nnode 10.0.0.4 "
                                 "exiting improperly. There are three reasons"},
                2),
         "app_failed", 1,
         "./app: rank 1 on 10.0.0.4 ended without MPI_Finalize, or without MPI_Init while others called it",
         "every rank calls both, or none; exit() without MPI_Finalize in one of them ends the job");
}

TEST(Classify, ARankThatOthersWaitForInMpiInitIsNamed) {
  RankRecord absent = ended(1, exited(0), 1);
  absent.absent = true;
  expect(judged({.mpirun = exited(1),
                 .ended = supervise::Ended::kMissedInit,
                 .ranks = {ended(0, killed_by(SIGTERM), 2), absent}},
                2),
         "app_failed", 1,
         "./app: rank 1 on 10.0.0.4 ended without MPI_Init, while others wait for it in theirs",
         "every rank calls MPI_Init, or none");
}

TEST(Classify, AKeyThatANodeDoesNotAcceptIsNamed) {
  expect(judged({.mpirun = exited(1),
                 .mpirun_words = "root@10.0.0.5: Permission denied (publickey).\r\n----\nORTE was unable"},
                2),
         "launch_failed", kLaunchFailed, "ssh cannot log in: 10.0.0.5: Permission denied (publickey)",
         "all nodes of a job need the same key: shipyard-mpirun --check shows which one has another");
}

TEST(ListOf, NamesTenAtMost) {
  EXPECT_EQ(list_of({}), "");
  EXPECT_EQ(list_of({"a"}), "a");
  EXPECT_EQ(list_of({"a", "b"}), "a and b");
  EXPECT_EQ(list_of({"a", "b", "c"}), "a, b and c");
  std::vector<std::string> many;
  for (int i = 0; i < 12; ++i) many.push_back(std::to_string(i));
  EXPECT_EQ(list_of(many), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
}

// What mpiexec.hydra 4.0.2 was seen to do: it kills shipyard-rank with the rank, which then says nothing.
TEST(ClassifyHydra, ItsOwnStatusesDoNotLeak) {
  // 9 for a rank that was killed, the others cut off.
  expect(
      judged_of_hydra({.mpirun = exited(9), .ranks = {lost(0), ended(1, killed_by(SIGKILL), 1), lost(2)}}, 3),
      "app_failed", 137, "./app: rank 1 on 10.0.0.4 ended with signal 9 (Killed)");
  expect(judged_of_hydra({.mpirun = exited(9), .ranks = {lost(0), ended(1, exited(3), 1), lost(2)}}, 3),
         "app_failed", 3, "./app: rank 1 on 10.0.0.4 ended with exit status 3");
  // 3 and 8 are 11: the first one counts.
  expect(
      judged_of_hydra({.mpirun = exited(11), .ranks = {ended(0, exited(8), 2), ended(1, exited(3), 1)}}, 2),
      "app_failed", 3, "./app: rank 1 on 10.0.0.4 ended with exit status 3");
  // 1 and 3 are 3, which is not the first one's.
  expect(judged_of_hydra({.mpirun = exited(3), .ranks = {ended(0, exited(1), 1), ended(1, exited(3), 2)}}, 2),
         "app_failed", 1, "./app: rank 0 on 10.0.0.4 ended with exit status 1");
  expect(judged_of_hydra({.mpirun = exited(0), .ranks = {ended(0, exited(0), 2), ended(1, exited(4), 1)}}, 2),
         "app_failed", 4, "./app: rank 1 on 10.0.0.4 ended with exit status 4");
}

TEST(ClassifyHydra, WhenAllAreCutOffAtOnceItWasMpiAbort) {
  expect(judged_of_hydra({.mpirun = exited(42), .ranks = {lost(0), lost(1)}}, 2), "app_failed", 42,
         "./app: the job was aborted with status 42");
  expect(judged_of_hydra({.mpirun = exited(0), .ranks = {lost(0), lost(1)}}, 2), "app_failed", 1,
         "./app: the job was aborted with status 0");
  expect(judged_of_hydra({.mpirun = exited(255), .ranks = {lost(0), lost(1)}}, 2), "app_failed", 255,
         "./app: the job was aborted with status 255");
}

TEST(ClassifyHydra, ADaemonThatIsGoneIsNoAbort) {
  const auto outcome = judged_of_hydra(
      {.mpirun = exited(255),
       .ranks = {lost(0), lost(1)},
       .mpirun_words = "[mpiexec@n0] control_cb (pm/pmiserv/pmiserv_cb.c:206): assert (!closed) failed\n"
                       "[mpiexec@n0] main (ui/mpich/mpiexec.c:325): process manager error waiting for "
                       "completion\n"},
      2);
  expect(outcome, "node_lost", kNodeLost,
         "a node was lost while the job ran, or MPI's daemon there: what mpirun said is above");
  EXPECT_TRUE(outcome.unexplained);
  expect(lost_nodes({"10.0.0.5"}), "node_lost", kNodeLost,
         "node 10.0.0.5 was lost while the job ran: nothing answers there any more");
  expect(lost_nodes({"10.0.0.5", "10.0.0.6"}), "node_lost", kNodeLost,
         "nodes 10.0.0.5 and 10.0.0.6 were lost while the job ran: nothing answers there any more");
}

TEST(ClassifyHydra, ADaemonWhoseSshHasEndedIsLost) {
  const char* message = "node 10.0.0.5 was lost while the job ran, or MPI's daemon there";
  const auto with_ssh = [](const JobResult& result) {
    return classify(
        result, {.ranks = 2, .program = "./app", .dialect = mpi::Dialect::kHydra, .lost_node = "10.0.0.5"});
  };
  expect(with_ssh({.mpirun = exited(255), .ranks = {lost(0), lost(1)}}), "node_lost", kNodeLost, message);
  // shipyard-ssh has sent SIGTERM, which mpirun hands on to those that it reaches.
  expect(with_ssh({.mpirun = exited(15), .ranks = {ended(0, killed_by(SIGTERM), 1), running(1)}}),
         "node_lost", kNodeLost, message);
  // After a rank's own end, and MPI_Abort, the daemons of the others end with 5 or 7.
  expect(with_ssh({.mpirun = exited(3), .ranks = {ended(0, exited(3), 1), lost(1)}}), "app_failed", 3,
         "./app: rank 0 on 10.0.0.4 ended with exit status 3");
}

// Its peer gone, a rank fails of something else.
TEST(ClassifyHydra, WhatFollowsALossIsNotItsCause) {
  RankRecord gone = lost(1);
  gone.order = 1;
  const JobResult result{.mpirun = exited(6), .ranks = {ended(0, killed_by(SIGABRT), 2), gone}};
  expect(classify(result,
                  {.ranks = 2, .program = "./app", .dialect = mpi::Dialect::kHydra, .lost_node = "10.0.0.5"}),
         "node_lost", kNodeLost, "node 10.0.0.5 was lost while the job ran, or MPI's daemon there");
  // It ends the others itself, of which one may be gone before it is heard.
  expect(judged_of_hydra(result, 2), "app_failed", 134,
         "./app: rank 0 on 10.0.0.4 ended with signal 6 (Aborted)");
}

TEST(ClassifyHydra, ANodeThatRefusesALoginWasNotLost) {
  const auto refused = [](std::string words) {
    return classify(
        {.mpirun = exited(15), .ranks = {ended(0, killed_by(SIGTERM), 1)}, .mpirun_words = std::move(words)},
        {.ranks = 2, .program = "./app", .dialect = mpi::Dialect::kHydra, .lost_node = "10.0.0.5"});
  };
  expect(refused("root@10.0.0.5: Permission denied (publickey).\r\n"), "launch_failed", kLaunchFailed,
         "ssh cannot log in: 10.0.0.5: Permission denied (publickey)",
         "all nodes of a job need the same key: shipyard-mpirun --check shows which one has another");
  expect(refused(""), "launch_failed", kLaunchFailed,
         "mpirun ended with exit status 15 after 1 of 2 ranks had started; what it said is above");
}

// mpiexec.hydra waits for the others, which may wait for this one.
TEST(ClassifyHydra, ARankThatHasFailedIsTheCauseWhereTheOthersWereEndedForIt) {
  expect(judged_of_hydra({.mpirun = exited(15),
                          .ended = supervise::Ended::kForFailure,
                          .ranks = {ended(0, killed_by(SIGTERM), 2), ended(1, exited(3), 1)}},
                         2),
         "app_failed", 3, "./app: rank 1 on 10.0.0.4 ended with exit status 3");
}

// Its ssh ended, and with it mpirun, which hands SIGTERM on.
TEST(ClassifyHydra, ALostNodeIsNoFailureOfTheRanksThatWereEndedForIt) {
  expect(judged_of_hydra({.mpirun = exited(15), .ranks = {ended(0, killed_by(SIGTERM), 1), lost(1)}}, 2),
         "node_lost", kNodeLost, "node 10.0.0.5 was lost while the job ran: rank 1 never said how it ended");
}

// 15, or 0 now and then, where shipyard-ssh has ended it for an ssh that failed.
TEST(ClassifyHydra, ANodeThatCannotBeReachedIsNoneThatWasLost) {
  for (auto dialect : {mpi::Dialect::kHydra, mpi::Dialect::kIntelMpi}) {
    expect(judged({.mpirun = exited(0)}, 2, dialect), "launch_failed", kLaunchFailed,
           "mpirun ended with exit status 0 before any rank had started; what it said is above");
    EXPECT_EQ(judged({.mpirun = exited(15)}, 2, dialect).name, "launch_failed");
  }
}

// A rank that was killed, and an mpirun that took its time to end after it had killed the others.
TEST(ClassifyHydra, WhatCameFirstIsTheCauseWhereTheJobWasEndedForALoss) {
  const RankRecord first_lost = lost(0, "10.0.0.5", 1);
  RankRecord then_lost = lost(0, "10.0.0.5", 2);
  const auto of = [](RankRecord record, Exit exit, int order) {
    return judged_of_hydra({.mpirun = killed_by(SIGKILL),
                            .ended = supervise::Ended::kForLoss,
                            .ranks = {std::move(record), ended(1, exit, order)}},
                           2);
  };
  expect(of(then_lost, killed_by(SIGKILL), 1), "app_failed", 137,
         "./app: rank 1 on 10.0.0.4 ended with signal 9 (Killed)");
  EXPECT_EQ(of(then_lost, exited(3), 1).status, 3);
  EXPECT_EQ(of(first_lost, killed_by(SIGKILL), 2).name, "node_lost");
  EXPECT_EQ(of(then_lost, killed_by(SIGTERM), 1).name, "node_lost");
  then_lost.silent = true;
  EXPECT_EQ(of(then_lost, killed_by(SIGKILL), 1).name, "node_lost");
}

TEST(ClassifyHydra, IsLikeOpenMpiInTheRest) {
  expect(judged_of_hydra({.mpirun = exited(0), .ranks = {ended(0, exited(0), 1), ended(1, exited(0), 2)}}, 2),
         "completed", 0, "");
  expect(judged_of_hydra({.mpirun = exited(255), .ranks = {ended(0, exited(0), 1), lost(1)}}, 2), "node_lost",
         kNodeLost, "node 10.0.0.5 was lost while the job ran: rank 1 never said how it ended");
  expect(judged_of_hydra(
             {.mpirun = exited(15), .ended = supervise::Ended::kForLoss, .ranks = {lost(0), lost(1)}}, 2),
         "node_lost", kNodeLost, "node 10.0.0.5 was lost while the job ran: rank 0 never said how it ended");
  expect(judged_of_hydra({.mpirun = exited(0), .signal = SIGTERM, .ranks = {lost(0), lost(1)}}, 2),
         "terminated", 128 + SIGTERM, "SIGTERM received: the job was ended");
  EXPECT_EQ(judged_of_hydra({.mpirun = exited(255)}, 2).name, "launch_failed");
  EXPECT_EQ(
      judged_of_hydra({.mpirun = exited(127), .ranks = {unstarted(0, ENOENT, "program"), lost(1)}}, 2).status,
      127);
}

}  // namespace
}  // namespace shipyard::launcher
