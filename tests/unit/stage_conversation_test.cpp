#include "launcher/stage/conversation.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/environment.hpp"
#include "base/output.hpp"
#include "base/signals.hpp"

namespace shipyard::launcher::stage {
namespace {

/// Nodes are shells.
Call call(const std::string& name, const std::string& script) {
  return {
      name,
      {.argv = {"/bin/sh", "-c", script}, .environment = {"PATH=/usr/bin:/bin"}, .own_process_group = true},
      {Request::Verb::kReceive, "/t", "d"}};
}

/// Takes the request, then counts.
std::string counting() { return "read -r line; n=$(wc -c); echo 'shipyard-node-stage {\"matches\":'$n'}'"; }
std::string failing(const std::string& words) {
  return "read -r line; head -c 1000 >/dev/null; echo 'shipyard-node-stage {\"problem\":\"" + words + "\"}'";
}

FileDescriptor file_of(std::size_t bytes) {
  FileDescriptor file(::memfd_create("stream", MFD_CLOEXEC));
  write_all(file.get(), std::string(bytes, 'x'));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

class Converse : public testing::Test {
 protected:
  Converse() { ignore_broken_pipes(); }
};

TEST_F(Converse, EachGetsAllOfTheStream) {
  constexpr std::size_t kBytes = 40'000'000;
  const auto stream = file_of(kBytes);
  std::uint64_t sent = 0;
  ConversationControl control;
  control.sent = [&](std::uint64_t bytes) { sent = bytes; };
  const auto replies =
      converse({call("a", counting()), call("b", counting()), call("c", "sleep 0.3; " + counting())},
               {stream.get()}, control);
  ASSERT_EQ(replies.size(), 3U);
  for (const auto& reply : replies) {
    EXPECT_EQ(reply.state, Reply::State::kDone) << reply.problem;
    EXPECT_EQ(reply.answer.matches, kBytes + kWholeMark.size());
  }
  EXPECT_EQ(sent, kBytes + kWholeMark.size());
}

/// Takes the request; its answer is the last word of the stream, as the number of its letters.
std::string last_word() {
  return "read -r line; n=$(tail -n 1 | tr -d '\\n' | wc -c); echo 'shipyard-node-stage {\"matches\":'$n'}'";
}

TEST_F(Converse, NoneHearsTheEndBeforeTheSourceHasEndedWell) {
  const auto stream = file_of(1000);
  int asked = 0;
  const Source late{stream.get(), [&] { return ++asked < 3 ? std::nullopt : std::optional(true); }};
  const auto whole = converse({call("a", last_word())}, late, {});
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(whole[0].state, Reply::State::kDone);
  EXPECT_EQ(whole[0].answer.matches, 1000 + kWholeMark.size() - 1);
  ::lseek(stream.get(), 0, SEEK_SET);
  const auto failed = converse({call("a", counting()), call("b", failing("x"))},
                               {stream.get(), [] { return std::optional(false); }}, {});
  EXPECT_EQ(failed[0].answer.matches, 1000U);
  EXPECT_EQ(failed[1].state, Reply::State::kStopped);
}

TEST_F(Converse, WithoutAStreamTheRequestIsAll) {
  const auto replies = converse({call("a", counting())}, {}, {});
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].answer.matches, 0U);
}

TEST_F(Converse, DataComesBetweenTheRequestAndTheStream) {
  const std::string data(1'000'000, 'd');
  Call first = call("a", counting());
  first.data = data;
  Call second =
      call("b", "read -r line; test \"$(head -c 5)\" = ddddd && echo 'shipyard-node-stage {\"matches\":7}'");
  second.data = data;
  const auto stream = file_of(500'000);
  const auto sent = converse({first}, {stream.get()}, {});
  EXPECT_EQ(sent[0].answer.matches, 1'500'000U + kWholeMark.size());
  // One that does not read all of it has answered as well.
  const auto asked = converse({first, second}, {}, {});
  EXPECT_EQ(asked[0].answer.matches, 1'000'000U);
  EXPECT_EQ(asked[1].answer.matches, 7U);
  EXPECT_EQ(asked[1].state, Reply::State::kDone);
}

TEST_F(Converse, OneThatFailsStopsTheOthersAndIsTheCause) {
  constexpr std::size_t kBytes = 60'000'000;
  const auto stream = file_of(kBytes);
  const auto replies = converse({call("a", counting()), call("b", failing("no room"))}, {stream.get()}, {});
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[1].problem, "no room");
  EXPECT_EQ(replies[1].state, Reply::State::kRefused);
  EXPECT_LT(replies[0].answer.matches, kBytes);
}

TEST_F(Converse, WhatAllAreAskedAllAnswer) {
  const auto replies = converse({call("a", "exit 3"), call("b", counting())}, {}, {});
  EXPECT_EQ(replies[0].problem, "it ended with exit status 3");
  EXPECT_EQ(replies[1].state, Reply::State::kDone);
}

TEST_F(Converse, OneThatEndsWithoutAWordIsNotDone) {
  const auto stream = file_of(1000);
  for (const int fd : {-1, stream.get()}) {
    for (const auto& [end, state] :
         {std::pair("exit 127", Reply::State::kNoSuchProgram),
          std::pair("exit 126", Reply::State::kNoSuchProgram),
          std::pair("exit 125", Reply::State::kNoSuchProgram),
          std::pair("exit 0", Reply::State::kNoSuchProgram), std::pair("exit 255", Reply::State::kUnreached),
          std::pair("kill -KILL $$", Reply::State::kUnreached)}) {
      ::lseek(fd, 0, SEEK_SET);
      const auto replies = converse({call("a", std::string("cat >/dev/null; ") + end)}, {fd}, {});
      EXPECT_EQ(replies[0].state, state) << end;
      EXPECT_NE(replies[0].problem, "") << end;
    }
  }
}

TEST_F(Converse, OneWithoutASignOfLifeIsGivenUp) {
  const auto stream = file_of(40'000'000);
  ConversationControl control;
  control.silence = std::chrono::seconds(1);
  const auto replies = converse({call("a", "sleep 60")}, {stream.get()}, control);
  EXPECT_EQ(replies[0].problem, "no sign of life for 1 s");
}

TEST_F(Converse, ASourceWithoutASignOfLifeIsTheCause) {
  ConversationControl control;
  control.silence = std::chrono::seconds(1);
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const auto file = file_of(1000);
  for (const Source& source : {Source{pipe[0]}, Source{file.get(), [] { return std::nullopt; }}}) {
    const auto replies = converse({call("a", counting()), call("b", "cat >/dev/null")}, source, control);
    for (const auto& reply : replies) {
      EXPECT_EQ(reply.state, Reply::State::kSourceSilent);
      EXPECT_EQ(reply.problem, "nothing for 1 s");
    }
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(Converse, OneThatIsOnlyAskedHasNoMoreTime) {
  ConversationControl control;
  control.silence = std::chrono::seconds(1);
  const auto asked = converse({call("a", "cat >/dev/null; sleep 60")}, {}, control);
  EXPECT_EQ(asked[0].problem, "no sign of life for 1 s");
  const auto words = converse(
      {call("a", "cat >/dev/null; for i in 1 2 3; do sleep 0.6; echo; done; " + counting())}, {}, control);
  EXPECT_EQ(words[0].state, Reply::State::kDone);
}

TEST_F(Converse, OneThatHasGotAllHasTimeToPutItInItsPlace) {
  const auto stream = file_of(1000);
  ConversationControl control;
  control.silence = std::chrono::seconds(1);
  control.last_answer = std::chrono::seconds(2);
  const auto replies =
      converse({call("a", counting() + "; sleep 1.3"), call("b", "cat >/dev/null; sleep 60")}, {stream.get()},
               control);
  EXPECT_EQ(replies[0].state, Reply::State::kDone);
  EXPECT_EQ(replies[1].problem, "no sign of life for 2 s");
}

TEST_F(Converse, OneThatDoesNotStart) {
  Call none = call("a", "");
  none.command.argv = {"/no/such/program"};
  const auto replies = converse({none, call("b", counting())}, {}, {});
  EXPECT_EQ(replies[0].state, Reply::State::kNoSuchProgram);
  EXPECT_EQ(replies[1].state, Reply::State::kDone);
}

TEST_F(Converse, EndsWhenItIsCancelled) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  ASSERT_EQ(::write(pipe[1], "x", 1), 1);
  ConversationControl control;
  control.cancel_fds = {pipe[0]};
  control.cancelled = [] { return true; };
  EXPECT_TRUE(converse({call("a", "sleep 60")}, {}, control).empty());
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace shipyard::launcher::stage
