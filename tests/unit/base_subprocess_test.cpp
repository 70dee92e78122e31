#include "base/subprocess.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>

#include "tests/unit/temporary_directory.hpp"

namespace shipyard {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::TemporaryDirectory;

const std::vector<std::string> kEnvironment = {"PATH=/usr/bin:/bin"};
constexpr seconds kLong{20};

Command shell(const std::string& script) {
  return {.argv = {"/bin/sh", "-c", script}, .environment = kEnvironment};
}

Completed completed(Command command, std::string_view input = {}) {
  auto done = run(std::move(command), kLong, input);
  EXPECT_TRUE(done) << done.error().message;
  return done ? *done : Completed{};
}

TEST(Exit, TellsAnExitStatusFromASignalOfTheSameNumber) {
  EXPECT_EQ(completed(shell("exit 9")).exit, (Exit{false, 9}));
  EXPECT_EQ(completed(shell("kill -9 $$")).exit, (Exit{true, 9}));
  EXPECT_EQ((Exit{true, 9}).status(), 137);
  EXPECT_EQ((Exit{false, 9}).status(), 9);
  EXPECT_TRUE((Exit{false, 0}).success());
  EXPECT_FALSE((Exit{false, 9}).success());
  EXPECT_FALSE((Exit{true, 9}).success());
}

TEST(Exit, DescribesItself) {
  EXPECT_EQ(describe({false, 3}), "exit status 3");
  EXPECT_EQ(describe({true, SIGSEGV}), "signal 11 (Segmentation fault)");
  EXPECT_EQ(describe({true, 99}), "signal 99");
}

TEST(Run, CapturesBothOutputsApart) {
  auto done = completed(shell("echo out; echo err >&2"));
  EXPECT_EQ(done.output, "out\n");
  EXPECT_EQ(done.errors, "err\n");
}

TEST(Run, CopiesMoreThanAPipeHoldsInBothDirections) {
  const std::string input(1 << 20, 'x');
  EXPECT_EQ(completed(shell("cat"), input).output, input);
}

TEST(Run, GivesDevNullWhereThereIsNoInput) {
  EXPECT_EQ(completed(shell("readlink /proc/self/fd/0")).output, "/dev/null\n");
}

TEST(Run, SurvivesAChildThatDoesNotReadItsInput) {
  EXPECT_EQ(completed(shell("exec <&-; exit 4"), std::string(1 << 20, 'x')).exit, (Exit{false, 4}));
}

TEST(Run, GivesTheEnvironmentAndTheDirectoryThatItWasTold) {
  Command command = shell("echo $A; pwd; echo ${HOME-none}");
  command.environment.push_back("A=b c");
  command.working_directory = "/";
  EXPECT_EQ(completed(command).output, "b c\n/\nnone\n");
}

TEST(Run, PassesArgumentsUntouched) {
  EXPECT_EQ(
      completed({.argv = {"printf", "%s|", "a b", "$HOME", "", "*"}, .environment = kEnvironment}).output,
      "a b|$HOME||*|");
}

TEST(Run, EndsWhatTakesTooLong) {
  const auto begin = std::chrono::steady_clock::now();
  auto done = run(shell("echo $$; exec sleep 100"), milliseconds(300));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "/bin/sh gave no answer within 0.3 s");
  EXPECT_EQ(done.error().code, Error::Code::kSystem);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(20));
}

TEST(Run, EndsWhatClosesItsOutputsAndRunsOn) {
  auto done = run(shell("exec sleep 100 >/dev/null 2>&1"), milliseconds(300));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "/bin/sh gave no answer within 0.3 s");
}

TEST(ChildStart, ReportsAProgramThatIsNotThere) {
  int exec_error = 0;
  auto child = Child::start({.argv = {"no-such-program"}, .environment = kEnvironment}, &exec_error);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Error::Code::kNotFound);
  EXPECT_EQ(child.error().message, "program 'no-such-program' not found");
  EXPECT_EQ(exec_error, ENOENT);
}

TEST(ChildStart, ReportsAFileThatIsNotExecutable) {
  TemporaryDirectory directory;
  const auto path = directory.write("script", "#!/bin/sh\n");
  int exec_error = 0;
  auto child = Child::start({.argv = {path}, .environment = kEnvironment}, &exec_error);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Error::Code::kSystem);
  EXPECT_EQ(child.error().message, path + " is not executable");
  EXPECT_EQ(child.error().hint, "chmod +x " + path);
  EXPECT_EQ(exec_error, EACCES);
}

TEST(ChildStart, HandsBackTheErrorOfExecItself) {
  TemporaryDirectory directory;
  int exec_error = 0;
  const auto garbage = directory.write("garbage", std::string("\0\1\2", 3));
  ::chmod(garbage.c_str(), 0755);
  auto child = Child::start({.argv = {garbage}, .environment = kEnvironment}, &exec_error);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message, "cannot start " + garbage + ": Exec format error");
  EXPECT_EQ(exec_error, ENOEXEC);

  const auto script = directory.write("script", "#!/no/such/interpreter\n");
  ::chmod(script.c_str(), 0755);
  child = Child::start({.argv = {script}, .environment = kEnvironment}, &exec_error);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Error::Code::kNotFound);
  EXPECT_EQ(exec_error, ENOENT);
}

TEST(ChildStart, ReportsADirectoryThatIsNotThere) {
  Command command = shell("true");
  command.working_directory = "/nonexistent";
  auto child = Child::start(command);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message, "cannot start /bin/sh: No such file or directory");
}

TEST(ChildStart, SignalsAreUnblockedAndAtTheirDefaults) {
  ::signal(SIGUSR1, SIG_IGN);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  auto done = completed(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  ::pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
  ::signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(done.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(ChildStart, HandsOnNoPipesOfOtherChildren) {
  const auto before = completed(shell("ls /proc/self/fd")).output;
  Command piped = shell("exec sleep 100");
  piped.standard_input = piped.standard_output = piped.standard_error = Command::Stream::kPipe;
  auto other = Child::start(piped);
  ASSERT_TRUE(other);
  EXPECT_EQ(completed(shell("ls /proc/self/fd")).output, before);
}

TEST(ChildStart, WorksInAProcessWithoutStandardStreams) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    auto done = run(shell("cat; echo err >&2"), kLong, "in");
    ::_exit(done && done->output == "in" && done->errors == "err\n" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ChildStart, PipesReachTheChild) {
  Command command = shell("read line; echo \"got $line\"; echo err >&2");
  command.standard_input = Command::Stream::kPipe;
  command.standard_output = Command::Stream::kPipe;
  command.standard_error = Command::Stream::kPipe;
  auto child = Child::start(command);
  ASSERT_TRUE(child);
  ASSERT_EQ(::write(child->stdin_pipe().get(), "x\n", 2), 2);
  EXPECT_EQ(child->wait(), (Exit{false, 0}));
  char buffer[16];
  ASSERT_EQ(::read(child->stdout_pipe().get(), buffer, sizeof buffer), 6);
  EXPECT_EQ(std::string(buffer, 6), "got x\n");
  ASSERT_EQ(::read(child->stderr_pipe().get(), buffer, sizeof buffer), 4);
  EXPECT_EQ(std::string(buffer, 4), "err\n");
}

TEST(ChildStart, AProcessGroupOfItsOwnExistsWhenStartReturns) {
  Command command = shell("sleep 100");
  command.own_process_group = true;
  auto child = Child::start(command);
  ASSERT_TRUE(child);
  EXPECT_EQ(::getpgid(child->pid()), child->pid());
  child->signal(SIGTERM);
  EXPECT_EQ(child->wait(), (Exit{true, SIGTERM}));
}

TEST(ChildSignal, ReachesTheWholeGroup) {
  // The inner process holds the pipe: its end shows that it is gone as well.
  Command command = shell("sleep 100 & echo started; wait");
  command.own_process_group = true;
  command.standard_output = Command::Stream::kPipe;
  auto child = Child::start(command);
  ASSERT_TRUE(child);
  char buffer[16];
  ASSERT_EQ(::read(child->stdout_pipe().get(), buffer, sizeof buffer), 8);
  child->signal(SIGKILL);
  EXPECT_EQ(child->wait(), (Exit{true, SIGKILL}));
  EXPECT_EQ(::read(child->stdout_pipe().get(), buffer, sizeof buffer), 0);
}

TEST(ChildSignal, OfAChildThatIsGoneDoesNothing) {
  auto child = Child::start(shell("exit 3"));
  ASSERT_TRUE(child);
  EXPECT_EQ(child->wait(), (Exit{false, 3}));
  child->signal(SIGKILL);
  EXPECT_EQ(child->wait(), (Exit{false, 3}));
  EXPECT_EQ(child->try_wait(), (Exit{false, 3}));
}

TEST(ChildWaitFor, GivesUpAtItsLimitAndCanBeAskedAgain) {
  auto child = Child::start(shell("exec sleep 100"));
  ASSERT_TRUE(child);
  EXPECT_EQ(child->try_wait(), std::nullopt);
  EXPECT_EQ(child->wait_for(milliseconds(20)), std::nullopt);
  child->signal(SIGTERM);
  EXPECT_EQ(child->wait_for(kLong), (Exit{true, SIGTERM}));
}

TEST(Child, OneThatIsLeftIsKilledAndNotWaitedFor) {
  pid_t pid = -1;
  {
    auto child = Child::start(shell("exec sleep 60"));
    ASSERT_TRUE(child);
    pid = child->pid();
    child->leave();
    EXPECT_EQ(child->try_wait(), std::nullopt);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(Child, DestroyingOneEndsItAndItsGroup) {
  Command command = shell("sleep 100 & echo started; wait");
  command.own_process_group = true;
  command.standard_output = Command::Stream::kPipe;
  FileDescriptor output;
  pid_t pid = 0;
  {
    auto child = Child::start(command);
    ASSERT_TRUE(child);
    pid = child->pid();
    output = std::move(child->stdout_pipe());
    char buffer[16];
    ASSERT_EQ(::read(output.get(), buffer, sizeof buffer), 8);
  }
  EXPECT_EQ(::kill(pid, 0), -1) << "it was not reaped";
  char byte = 0;
  EXPECT_EQ(::read(output.get(), &byte, 1), 0) << "a member of its group lives on";
}

TEST(Child, DiesWithItsParentWhereItWasTold) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::close(ends[0]);
    Command command = shell("exec sleep 100");
    command.parent_death_signal = SIGKILL;
    auto child = Child::start(command);
    // The grandchild inherits the pipe's write end, which stays open as long as it lives.
    ::kill(::getpid(), SIGKILL);
    ::_exit(child ? 1 : 2);
  }
  ::close(ends[1]);
  ::waitpid(parent, nullptr, 0);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);
  ::close(ends[0]);
}

TEST(Child, MayBeGivenOpenFilesInPlaceOfItsStreams) {
  const TemporaryDirectory directory;
  const FileDescriptor input(::open(directory.write("in", "words").c_str(), O_RDONLY | O_CLOEXEC));
  const FileDescriptor errors(::open(directory.path("err").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const FileDescriptor beside(::open(directory.write("more", "beside").c_str(), O_RDONLY | O_CLOEXEC));
  Command command = shell("cat; cat <&" + std::to_string(beside.get()) + "; echo wrong >&2");
  command.input_file = input.get();
  command.error_file = errors.get();
  command.kept_files = {beside.get()};
  command.standard_output = Command::Stream::kPipe;
  auto child = Child::start(command);
  ASSERT_TRUE(child) << child.error().message;
  std::string output(100, '\0');
  std::size_t size = 0;
  for (ssize_t got = 0; (got = ::read(child->stdout_pipe().get(), &output[size], output.size() - size)) > 0;)
    size += static_cast<std::size_t>(got);
  EXPECT_EQ(output.substr(0, size), "wordsbeside");
  EXPECT_EQ(child->wait(), Exit{});
  EXPECT_EQ(directory.read("err"), "wrong\n");
  EXPECT_NE(::fcntl(beside.get(), F_GETFD) & FD_CLOEXEC, 0) << "every other child does not get it";
}

TEST(Child, ItsEndCanBeWaitedForWithOtherThings) {
  Command command = shell("read line");
  command.standard_input = Command::Stream::kPipe;
  auto child = Child::start(command);
  ASSERT_TRUE(child);
  const FileDescriptor end = child->end_event();
  if (!end) GTEST_SKIP() << "no pidfd_open(2) here";
  pollfd polled{end.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  (void)child->stdin_pipe().close();
  EXPECT_EQ(::poll(&polled, 1, 20000), 1);
  EXPECT_TRUE(child->try_wait());
}

TEST(FindProgram, LooksThroughPathInItsOrder) {
  TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path("a/tool"));
  std::filesystem::create_directory(directory.path("b"));
  std::filesystem::create_directory(directory.path("c"));
  directory.write("b/tool", "not executable");
  const auto tool = directory.write("c/tool", "#!/bin/sh\n");
  ::chmod(tool.c_str(), 0755);
  Environment environment;
  environment.variables["PATH"] = directory.path("a") + ":" + directory.path("b") + ":" + directory.path("c");
  EXPECT_EQ(*find_program("tool", environment), tool) << "a directory and a plain file are passed over";
  environment.variables["PATH"] = directory.path("b");
  EXPECT_EQ(find_program("tool", environment).error().message,
            directory.path("b/tool") + " is not executable");
}

TEST(FindProgram, ANameWithASlashIsAPathFromTheWorkingDirectory) {
  Environment environment;
  environment.working_directory = "/usr";
  EXPECT_EQ(*find_program("bin/env", environment), "/usr/bin/env");
  EXPECT_EQ(*find_program("/bin/sh", environment), "/bin/sh");
  EXPECT_EQ(*find_program("env", environment, "/nonexistent"), "/usr/bin/env");
  EXPECT_EQ(find_program("./env", environment).error().code, Error::Code::kNotFound);
}

}  // namespace
}  // namespace shipyard
