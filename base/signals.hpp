#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.hpp"

namespace shipyard {

/// "SIGTERM" for 15; "signal 99" for one without a name.
[[nodiscard]] std::string signal_name(int number);

/// The number of "USR1", "SIGUSR1", "sigusr1" or "10"; nullopt where there is no such signal.
[[nodiscard]] std::optional<int> parse_signal(std::string_view text);

/// What a received signal says about itself.
struct ReceivedSignal {
  int number = 0;
  pid_t sender = 0;
};

/// Turns signals into readable events of an event loop (signalfd(2)): they stay blocked for this process
/// while the object lives; the former mask comes back at its end. Children that `Child::start` makes have
/// none of it blocked.
class SignalDescriptor {
 public:
  explicit SignalDescriptor(std::initializer_list<int> signals);
  SignalDescriptor(const SignalDescriptor&) = delete;
  SignalDescriptor& operator=(const SignalDescriptor&) = delete;
  ~SignalDescriptor();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next pending signal; nullopt where none is.
  std::optional<ReceivedSignal> read();

 private:
  struct Saved;
  std::unique_ptr<Saved> saved_;
  FileDescriptor fd_;
};

/// Ends this process by the signal itself, so that its parent sees the truth; no core file is written. Does
/// not return for a signal that terminates by default; else exits with 128 + number.
[[noreturn]] void die_by_signal(int number);

/// Sends to a process (pid > 0) or a group (pid < -1); false where there is none.
bool send_signal(pid_t pid, int number);

/// True where the signal was set to be ignored, as nohup(1) does with SIGHUP: a wish to be respected.
[[nodiscard]] bool is_ignored(int number);

/// A write to a closed pipe or socket becomes EPIPE instead of the end of the process.
void ignore_broken_pipes();

/// Orphans below this process become its children (prctl(2), PR_SET_CHILD_SUBREAPER).
void become_subreaper();

/// SIGKILL for every child of this process, orphans that it inherited included (/proc/PID/task/TID/children).
/// Those in `except` are spared.
void kill_all_children(const std::vector<pid_t>& except = {});

/// Their process ids, those of orphans that it inherited included.
[[nodiscard]] std::vector<pid_t> children_of_this_process();

/// The same for whatever these leave behind in turn, and reaps it: with become_subreaper no process that came
/// from this one gets away. A process that forks faster than it can be killed is given up after a while. The
/// children in `except` are spared, with what they have started.
void kill_all_descendants(const std::vector<pid_t>& except = {});

/// Reaps every child that has ended and is not `except`.
void reap_orphans(pid_t except);

}  // namespace shipyard
