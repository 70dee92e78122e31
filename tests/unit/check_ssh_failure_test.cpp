#include "launcher/check/ssh_failure.hpp"

#include <gtest/gtest.h>

namespace shipyard::launcher::check {
namespace {

using Kind = SshFailure::Kind;

constexpr Exit kSsh{false, 255};

void expect(const Exit& exit, std::string_view errors, Kind kind, std::string_view words) {
  const auto failure = ssh_failure(exit, errors);
  EXPECT_STREQ(name_of(failure.kind), name_of(kind)) << errors;
  EXPECT_EQ(failure.words, words);
}

// What OpenSSH 9.2 and 10.0 print.
TEST(SshFailure, KnowsSshsWords) {
  expect(kSsh, "root@10.0.0.6: Permission denied (publickey).\r\n", Kind::kPermissionDenied,
         "permission denied (publickey)");
  expect(kSsh, "ssh: connect to host 10.0.0.6 port 23: Connection refused\r\n", Kind::kUnreachable,
         "connection refused");
  expect(kSsh, "ssh: connect to host 10.0.0.6 port 23: No route to host\n", Kind::kUnreachable,
         "no route to host");
  expect(kSsh, "ssh: Could not resolve hostname node6: Name or service not known\n", Kind::kUnreachable,
         "the name is not known (Name or service not known)");
  expect(kSsh, "Connection timed out during banner exchange\nConnection to 10.0.0.6 port 23 timed out\n",
         Kind::kUnreachable, "connection timed out during banner exchange");
  expect(kSsh, "kex_exchange_identification: Connection closed by remote host\n", Kind::kClosed,
         "kex_exchange_identification: Connection closed by remote host");
  expect(kSsh, "Timeout, server 10.0.0.6 not responding.\n", Kind::kNoAnswer,
         "Timeout, server 10.0.0.6 not responding");
  expect(kSsh, "", Kind::kClosed, "ssh failed without a word");
}

TEST(SshFailure, TakesTheMostTellingOfSeveralLines) {
  expect(kSsh,
         "@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
         "Host key for [10.0.0.6]:23 has changed and you have requested strict checking.\n"
         "Host key verification failed.\n",
         Kind::kHostKey, "Host key verification failed");
  expect(
      kSsh,
      "Load key \"/root/.ssh/id_ed25519\": invalid format\nroot@10.0.0.6: Permission denied (publickey).\n",
      Kind::kPermissionDenied, "permission denied (publickey)");
}

TEST(SshFailure, TellsTheNodesOwnFailuresFromSshs) {
  expect({false, 127}, "sh: 1: exec: shipyard-mpirun: not found\n", Kind::kNoLauncher,
         "sh: 1: exec: shipyard-mpirun: not found");
  expect({false, 125}, "shipyard-mpirun: error: unknown option '--node-facts'\n", Kind::kOther,
         "shipyard-mpirun: error: unknown option '--node-facts'");
  expect({false, 1}, "connection refused, says a program there", Kind::kOther,
         "connection refused, says a program there");
  expect({true, 9}, "", Kind::kOther, "it ended with signal 9 (Killed)");
  expect({false, 127}, "", Kind::kNoLauncher, "it ended with exit status 127");
  expect({false, 126}, "\n", Kind::kNoLauncher, "it ended with exit status 126");
}

TEST(SshFailure, LeavesNothingThatATerminalWouldActOn) {
  expect({false, 1}, "a\x1b[31mb\n\n \t\n", Kind::kOther, "a [31mb");
  EXPECT_EQ(ssh_failure({false, 1}, std::string(5000, 'x')).words.size(), 200u);
}

}  // namespace
}  // namespace shipyard::launcher::check
