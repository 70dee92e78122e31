#include "base/subprocess.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace shipyard {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

/// The same file under a number above the standard streams': where one of those is closed, a new descriptor
/// would take its number, and the plumbing between fork and exec would write over it.
FileDescriptor above_standard_streams(int fd) {
  if (fd < 0 || fd > STDERR_FILENO) return FileDescriptor(fd);
  const FileDescriptor low(fd);
  return FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe", errno);
  Pipe pipe{above_standard_streams(ends[0]), above_standard_streams(ends[1])};
  if (!pipe.read_end || !pipe.write_end) return system_error("cannot make a pipe", errno);
  return pipe;
}

/// The descriptor that the child gets as 0, 1 or 2, and the parent's end of a pipe. -1: inherited.
struct Plumbing {
  FileDescriptor child_end;
  FileDescriptor parent_end;
};

Result<Plumbing> plumb(Command::Stream stream, bool input) {
  Plumbing result;
  if (stream == Command::Stream::kNull) {
    result.child_end = above_standard_streams(::open("/dev/null", (input ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
    if (!result.child_end) return system_error("cannot open /dev/null", errno);
  } else if (stream == Command::Stream::kPipe) {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    result.child_end = std::move(input ? pipe->read_end : pipe->write_end);
    result.parent_end = std::move(input ? pipe->write_end : pipe->read_end);
  }
  return result;
}

Result<Plumbing> into(int file) {
  Plumbing result{FileDescriptor(::fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)), {}};
  if (!result.child_end) return system_error("cannot hand on a file", errno);
  return result;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const auto& text : strings) result.push_back(const_cast<char*>(text.c_str()));  // NOLINT: execve(2)
  result.push_back(nullptr);
  return result;
}

/// Everything the child does between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(const Command& command, const char* path, char* const* argv, char* const* envp,
                         const int (&streams)[3], int report_fd, pid_t parent) {
  bool ready = true;
  if (command.own_process_group) ::setpgid(0, 0);
  if (command.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, command.parent_death_signal);
    if (::getppid() != parent) ::_exit(127);  // it died between fork and prctl
  }
  for (int number = 0; number < 3; ++number) {
    if (streams[number] >= 0 && ::dup2(streams[number], number) < 0) ready = false;
  }
  for (const int file : command.kept_files) {
    if (::fcntl(file, F_SETFD, 0) != 0) ready = false;
  }
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &fallback, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (ready && !command.working_directory.empty() && ::chdir(command.working_directory.c_str()) != 0)
    ready = false;
  if (ready) ::execve(path, argv, envp);
  int failure = errno;
  ssize_t ignored = ::write(report_fd, &failure, sizeof failure);
  (void)ignored;
  ::_exit(127);
}

Exit from_wait_status(int status) {
  if (WIFSIGNALED(status)) return {true, WTERMSIG(status)};
  return {false, WEXITSTATUS(status)};
}

bool is_regular_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

std::string describe(const Exit& exit) {
  if (!exit.signalled) return fmt::format("exit status {}", exit.value);
  const char* text = ::sigdescr_np(exit.value);
  return text != nullptr ? fmt::format("signal {} ({})", exit.value, text)
                         : fmt::format("signal {}", exit.value);
}

Result<std::string> find_program(std::string_view name, const Environment& environment,
                                 const std::string& working_directory) {
  const std::string base = working_directory.empty() ? environment.working_directory : working_directory;
  auto absolute = [&](const std::string& path) {
    if (path.starts_with('/')) return path;
    return base + "/" + path.substr(path.starts_with("./") ? 2 : 0);
  };
  std::vector<std::string> candidates;
  if (name.find('/') != std::string_view::npos) {
    candidates.emplace_back(name);
  } else {
    for (const auto& directory :
         split_path(environment.get("PATH").value_or("/usr/local/bin:/usr/bin:/bin"))) {
      candidates.push_back(directory + "/" + std::string(name));
    }
  }
  std::string refused;
  for (const auto& candidate : candidates) {
    std::string path = absolute(candidate);
    if (!is_regular_file(path)) continue;
    if (::access(path.c_str(), X_OK) == 0) return path;
    if (refused.empty()) refused = path;
  }
  if (!refused.empty()) {
    return Error{Error::Code::kSystem,
                 fmt::format("{} is not executable", refused),
                 fmt::format("chmod +x {}", refused),
                 {}};
  }
  return Error{Error::Code::kNotFound, fmt::format("program '{}' not found", name), {}, {}};
}

Result<Child> Child::start(const Command& command, int* exec_error) {
  if (exec_error != nullptr) *exec_error = 0;
  Environment lookup;
  lookup.variables = parse_variables(command.environment);
  // "." keeps a relative path relative to where the child will stand.
  auto path = find_program(command.argv.at(0), lookup,
                           command.working_directory.empty() ? "." : command.working_directory);
  if (!path) {
    if (exec_error != nullptr) *exec_error = path.error().code == Error::Code::kNotFound ? ENOENT : EACCES;
    return path.error();
  }
  auto input = command.input_file < 0 ? plumb(command.standard_input, true) : into(command.input_file);
  if (!input) return input.error();
  auto output = command.output_file < 0 ? plumb(command.standard_output, false) : into(command.output_file);
  if (!output) return output.error();
  auto errors = command.error_file < 0 ? plumb(command.standard_error, false) : into(command.error_file);
  if (!errors) return errors.error();
  auto report = make_pipe();
  if (!report) return report.error();

  const auto argv = pointers(command.argv);
  const auto envp = pointers(command.environment);
  const int streams[3] = {input->child_end.get(), output->child_end.get(), errors->child_end.get()};
  const pid_t parent = ::getpid();
  // A signal handler of the parent must not run in the child before its dispositions are reset.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  const pid_t pid = ::fork();
  const int fork_error = errno;
  if (pid == 0)
    become(command, path->c_str(), argv.data(), envp.data(), streams, report->write_end.get(), parent);
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  if (pid < 0) return system_error("cannot start " + command.argv[0], fork_error);

  Child child;
  child.pid_ = pid;
  child.own_group_ = command.own_process_group;
  child.stdin_ = std::move(input->parent_end);
  child.stdout_ = std::move(output->parent_end);
  child.stderr_ = std::move(errors->parent_end);
  (void)report->write_end.close();
  int failure = 0;
  ssize_t got = 0;
  do {
    got = ::read(report->read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof failure) {
    (void)child.wait();
    if (exec_error != nullptr) *exec_error = failure;
    Error error = system_error("cannot start " + command.argv[0], failure);
    if (failure == ENOENT) error.code = Error::Code::kNotFound;
    return error;
  }
  return child;
}

int become_program(const Command& command) {
  Environment lookup;
  lookup.variables = parse_variables(command.environment);
  auto path = find_program(command.argv.at(0), lookup, ".");
  if (!path) return path.error().code == Error::Code::kNotFound ? ENOENT : EACCES;
  ::execve(path->c_str(), pointers(command.argv).data(), pointers(command.environment).data());
  return errno;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      own_group_(other.own_group_),
      exit_(other.exit_),
      stdin_(std::move(other.stdin_)),
      stdout_(std::move(other.stdout_)),
      stderr_(std::move(other.stderr_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    abandon();
    pid_ = std::exchange(other.pid_, -1);
    own_group_ = other.own_group_;
    exit_ = other.exit_;
    stdin_ = std::move(other.stdin_);
    stdout_ = std::move(other.stdout_);
    stderr_ = std::move(other.stderr_);
  }
  return *this;
}

Child::~Child() { abandon(); }

void Child::abandon() {
  if (pid_ > 0 && !exit_) {
    signal(SIGKILL);
    (void)wait();
  }
}

void Child::leave() {
  if (!try_wait()) signal(SIGKILL);
  pid_ = -1;
}

std::optional<Exit> Child::try_wait() {
  if (exit_ || pid_ <= 0) return exit_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) exit_ = from_wait_status(status);
  return exit_;
}

Exit Child::wait() {
  int status = 0;
  while (!exit_) {
    if (::waitpid(pid_, &status, 0) == pid_) {
      exit_ = from_wait_status(status);
    } else if (errno != EINTR) {
      exit_ = Exit{false, 255};  // reaped elsewhere: cannot be called a success
    }
  }
  return *exit_;
}

FileDescriptor Child::end_event() const {
  // It is close-on-exec by itself.
  return pid_ > 0 ? FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))) : FileDescriptor();
}

std::optional<Exit> Child::wait_for(std::chrono::milliseconds limit) {
  if (try_wait() || pid_ <= 0) return exit_;
  const auto deadline = Clock::now() + limit;
  // Wakes at the very end of the child; without pidfd_open(2), which a sandbox may refuse, soon after.
  const FileDescriptor process = end_event();
  while (!try_wait()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) break;
    pollfd polled{process.get(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>(std::min<long>(left, process ? 1 << 30 : 2)));
  }
  return exit_;
}

void Child::signal(int number) const {
  if (pid_ <= 0 || exit_) return;
  if (!own_group_ || ::kill(-pid_, number) != 0) ::kill(pid_, number);
}

namespace {

/// Keeps SIGPIPE from this thread while it lives: a child need not read its input to the end.
class BrokenPipesIgnored {
 public:
  BrokenPipesIgnored() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &former_);
  }
  BrokenPipesIgnored(const BrokenPipesIgnored&) = delete;
  BrokenPipesIgnored& operator=(const BrokenPipesIgnored&) = delete;
  ~BrokenPipesIgnored() {
    const timespec now{0, 0};
    if (sigismember(&former_, SIGPIPE) == 0) ::sigtimedwait(&pipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t former_;
};

}  // namespace

void read_available(FileDescriptor& pipe, std::string& text, std::size_t most) {
  while (pipe) {
    pollfd polled{pipe.get(), POLLIN, 0};
    if (::poll(&polled, 1, 0) <= 0) return;
    char buffer[16 * 1024];
    const ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
    if (got > 0) {
      text.append(buffer, static_cast<std::size_t>(got));
      if (text.size() > most) text.resize(most);
    } else if (got == 0 || errno != EINTR) {
      (void)pipe.close();
    }
  }
}

Result<Completed> run(Command command, std::chrono::milliseconds limit, std::string_view input) {
  command.standard_input = input.empty() ? Command::Stream::kNull : Command::Stream::kPipe;
  command.standard_output = Command::Stream::kPipe;
  command.standard_error = Command::Stream::kPipe;
  auto child = Child::start(command);
  if (!child) return child.error();
  if (child->stdin_pipe()) ::fcntl(child->stdin_pipe().get(), F_SETFL, O_NONBLOCK);

  const BrokenPipesIgnored ignored;
  Completed result;
  const auto deadline = Clock::now() + limit;
  auto give_up = [&] {
    child->signal(SIGKILL);
    return Error{Error::Code::kSystem,
                 fmt::format("{} gave no answer within {} s", command.argv[0],
                             std::chrono::duration<double>(limit).count()),
                 {},
                 {}};
  };
  while (child->stdout_pipe() || child->stderr_pipe()) {
    pollfd polled[3] = {{child->stdout_pipe().get(), POLLIN, 0},
                        {child->stderr_pipe().get(), POLLIN, 0},
                        {child->stdin_pipe().get(), POLLOUT, 0}};
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || ::poll(polled, 3, static_cast<int>(std::min<long>(left, 1 << 30))) == 0) {
      return give_up();
    }
    auto take = [](FileDescriptor& pipe, short events, std::string& text) {
      if ((events & (POLLIN | POLLHUP | POLLERR)) == 0) return;
      char buffer[16 * 1024];
      ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
      if (got > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        (void)pipe.close();
      }
    };
    take(child->stdout_pipe(), polled[0].revents, result.output);
    take(child->stderr_pipe(), polled[1].revents, result.errors);
    if ((polled[2].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
      ssize_t sent = ::write(child->stdin_pipe().get(), input.data(), input.size());
      if (sent > 0) input.remove_prefix(static_cast<std::size_t>(sent));
      if (input.empty() || (sent < 0 && errno != EAGAIN && errno != EINTR)) (void)child->stdin_pipe().close();
    }
  }
  // It may have closed its outputs and run on.
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  const auto exit = child->wait_for(std::max(left, std::chrono::milliseconds(0)));
  if (!exit) return give_up();
  result.exit = *exit;
  return result;
}

}  // namespace shipyard
