#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"

namespace shipyard {

/// How a process ended: exit(value) or killed by signal `value`. The two are never mixed up.
struct Exit {
  bool signalled = false;
  int value = 0;

  [[nodiscard]] bool success() const { return !signalled && value == 0; }
  /// As a shell reports it: the exit status, or 128 + signal.
  [[nodiscard]] int status() const { return signalled ? 128 + value : value; }
  bool operator==(const Exit&) const = default;
};

/// "exit status 3" or "signal 11 (Segmentation fault)".
[[nodiscard]] std::string describe(const Exit& exit);

/// A program to start: never a shell string.
struct Command {
  enum class Stream {
    kInherit,
    kNull,
    kPipe,  ///< the parent holds the other end (Child::stdin_pipe, …)
  };

  std::vector<std::string> argv;         ///< argv[0] without a slash is looked up in PATH of `environment`
  std::vector<std::string> environment;  ///< NAME=VALUE; the child gets these and no others
  std::string working_directory = {};    ///< empty: the parent's
  Stream standard_input = Stream::kNull;
  Stream standard_output = Stream::kInherit;
  Stream standard_error = Stream::kInherit;
  int output_file = -1;  ///< an open file as standard output in place of that; it stays the caller's
  int input_file = -1;   ///< the same for standard input
  int error_file = -1;   ///< and for standard error
  /// Open files above the standard streams that the child gets under the same numbers (/dev/fd/N); they stay
  /// the caller's, close-on-exec for every other child.
  std::vector<int> kept_files = {};
  bool own_process_group = false;  ///< setpgid(0, 0): a Ctrl-C at the terminal does not reach it
  int parent_death_signal = 0;     ///< prctl(PR_SET_PDEATHSIG); 0: none
};

/// A running child. Destroying one that was not waited for kills it (SIGKILL, the group where it has its own)
/// and reaps it.
class Child {
 public:
  /// Forks and executes. A failure of exec in the child is returned here, as kNotFound or kSystem, with its
  /// errno in `exec_error` where asked for. Signals are unblocked and at their defaults in the child.
  static Result<Child> start(const Command& command, int* exec_error = nullptr);

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  FileDescriptor& stdin_pipe() { return stdin_; }
  FileDescriptor& stdout_pipe() { return stdout_; }
  FileDescriptor& stderr_pipe() { return stderr_; }

  /// Reaps the child if it has ended; remembered, so it may be asked again.
  std::optional<Exit> try_wait();
  /// Waits for the end.
  Exit wait();
  /// Like wait, at most for `limit`; nothing where it still runs.
  std::optional<Exit> wait_for(std::chrono::milliseconds limit);
  /// Kills it like the destructor, but does not wait: one that hangs in the kernel, on a file system that
  /// does not answer, ends only with that call. It is nobody's then until this process ends.
  void leave();
  /// For poll(2): can be read when the child has ended (pidfd_open(2)). None where the kernel or a sandbox
  /// refuses: ask try_wait now and then.
  [[nodiscard]] FileDescriptor end_event() const;
  /// To the process, or to its whole group where it has one of its own. No error when it is gone.
  void signal(int number) const;

 private:
  Child() = default;
  void abandon();

  pid_t pid_ = -1;
  bool own_group_ = false;
  std::optional<Exit> exit_;
  FileDescriptor stdin_, stdout_, stderr_;
};

/// This process becomes the program (execve(2)): of `command`, `argv` and `environment` count, all else stays
/// as it is. Returns only where that failed, with the errno.
int become_program(const Command& command);

/// A finished command. `output` and `errors` hold what was piped.
struct Completed {
  Exit exit;
  std::string output;
  std::string errors;
};

/// What is in the pipe now, without waiting; it is closed at its end. What would make `text` longer than
/// `most` is read and dropped.
void read_available(FileDescriptor& pipe, std::string& text, std::size_t most = std::string::npos);

/// Runs to the end with both outputs captured and `input` on its standard input (/dev/null where empty). Ends
/// it with SIGKILL after `limit` and fails then.
Result<Completed> run(Command command, std::chrono::milliseconds limit, std::string_view input = {});

/// The path that execvp would run: `name` itself where it has a slash, else the first executable of that name
/// in the PATH of `environment`. kNotFound where there is none; kSystem where it is there and not executable.
Result<std::string> find_program(std::string_view name, const Environment& environment,
                                 const std::string& working_directory = {});

}  // namespace shipyard
