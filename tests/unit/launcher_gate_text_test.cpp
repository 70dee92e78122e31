#include "launcher/gate_text.hpp"

#include <gtest/gtest.h>

namespace shipyard::launcher {
namespace {

using network::GateFailure;
using network::GateFault;
using network::GateProgress;
using network::GateReport;
using std::chrono::milliseconds;

GateFailure refused(const std::string& name) { return {name, "connection refused", GateFault::kRefused}; }
GateFailure silent(const std::string& name) {
  return {name, "no answer (connection timed out)", GateFault::kNoAnswer};
}

Outcome failure(std::vector<GateFailure> failures, std::size_t ready = 1) {
  GateReport report;
  report.ready = ready;
  report.failures = std::move(failures);
  return gate_failure(report, 23, milliseconds(2500));
}

TEST(GateFailureText, NamesEachOfAFewNodesAndWhatItAnswered) {
  const auto outcome = failure({refused("10.0.0.4"), silent("10.0.0.6"), refused("10.0.0.7")}, 2);
  EXPECT_EQ(outcome.name, "node_unreachable");
  EXPECT_EQ(outcome.status, 120);
  EXPECT_EQ(outcome.message,
            "3 of 5 nodes: no sshd answered on port 23 within 2.5 s\n"
            "  10.0.0.4: connection refused\n"
            "  10.0.0.6: no answer (connection timed out)\n"
            "  10.0.0.7: connection refused");
}

TEST(GateFailureText, GathersManyNodesByTheirAnswers) {
  std::vector<GateFailure> failures;
  for (int i = 4; i < 30; ++i) failures.push_back(refused("10.0.0." + std::to_string(i)));
  failures.insert(failures.begin() + 3, silent("10.0.1.1"));
  EXPECT_EQ(failure(failures, 3).message,
            "27 of 30 nodes: no sshd answered on port 23 within 2.5 s\n"
            "  connection refused, 26 nodes:\n"
            "    10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8, 10.0.0.9, 10.0.0.10,\n"
            "    10.0.0.11, 10.0.0.12, 10.0.0.13 and 16 more\n"
            "  10.0.1.1: no answer (connection timed out)");
}

TEST(GateFailureText, CountsWhatIsBeyondTenAnswers) {
  std::vector<GateFailure> failures;
  for (int i = 0; i < 13; ++i) {
    failures.push_back({"n" + std::to_string(i), "says " + std::to_string(i), GateFault::kNotSsh});
  }
  const auto message = failure(failures).message;
  EXPECT_NE(message.find("\n  n9: says 9\n  and 3 more with other answers"), std::string::npos) << message;
}

TEST(GateFailureText, HintsAtWhatMostNodesHave) {
  const auto hint_for = [](GateFault fault) { return failure({{"n", "", fault}}).hint; };
  EXPECT_EQ(
      hint_for(GateFault::kRefused),
      "nothing listens there: did the coordination command start the container, and its sshd? 'docker ps "
      "-a' and 'docker logs' on that node tell");
  EXPECT_EQ(hint_for(GateFault::kNoAnswer),
            "the node is down, or a firewall or network security group drops port 23 between the nodes");
  EXPECT_EQ(hint_for(GateFault::kNotSsh),
            "something else than the container's sshd has port 23: 'ss -ltnp' on that node names it, "
            "--ssh-port takes another port");
  EXPECT_EQ(hint_for(GateFault::kTurnedAway), hint_for(GateFault::kClosed));
  EXPECT_EQ(failure({silent("a"), refused("b"), refused("c")}).hint, hint_for(GateFault::kRefused));
  EXPECT_EQ(failure({silent("a"), refused("b")}).hint, hint_for(GateFault::kNoAnswer));
}

TEST(GateProgressText, CountsAndSaysTheSecondsLeft) {
  EXPECT_EQ(gate_progress_text({.ready = 3, .nodes = 64, .left = milliseconds(116'200), .missing = {}}, 80),
            "waiting for sshd: 3 of 64 nodes ready, 117 s left");
}

TEST(GateProgressText, NamesTheLastOneAndItsAnswer) {
  const GateProgress one{
      .ready = 3, .nodes = 4, .left = milliseconds(9'000), .missing = {refused("10.0.0.7")}};
  EXPECT_EQ(gate_progress_text(one, 100),
            "waiting for sshd: 3 of 4 nodes ready, 9 s left; 10.0.0.7: connection refused");
  EXPECT_EQ(gate_progress_text(one, 70), "waiting for sshd: 3 of 4 nodes ready, 9 s left; missing: 10.0.0.7");
}

TEST(GateProgressText, StaysWithinTheTerminal) {
  const GateProgress few{.ready = 61,
                         .nodes = 64,
                         .left = milliseconds(117'000),
                         .missing = {refused("10.0.0.4"), refused("10.0.0.5"), refused("10.0.0.6")}};
  EXPECT_EQ(gate_progress_text(few, 120),
            "waiting for sshd: 61 of 64 nodes ready, 117 s left; missing: 10.0.0.4, 10.0.0.5, 10.0.0.6");
  EXPECT_EQ(gate_progress_text(few, 81),
            "waiting for sshd: 61 of 64 nodes ready, 117 s left; missing: 10.0.0.4 and 2 more");
  EXPECT_EQ(gate_progress_text(few, 60), "waiting for sshd: 61 of 64 nodes ready, 117 s left");
  EXPECT_EQ(gate_progress_text(few, 40), "sshd: 61/64, 117 s");
  for (int columns = 0; columns < 150; ++columns) {
    EXPECT_LT(gate_progress_text(few, columns).size(), static_cast<std::size_t>(std::max(columns, 1)));
  }
}

}  // namespace
}  // namespace shipyard::launcher
