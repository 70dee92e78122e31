#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_descriptor.hpp"

namespace shipyard::supervise {

/// What mpirun itself says on its standard error: its first and its last part, whatever it comes to.
class MpirunWords {
 public:
  void append(std::string_view text);
  /// Without the NUL bytes that Open MPI 5.0 leaves behind its messages; "[… 123 bytes left out …]" in a line
  /// of its own where something is missing.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool empty() const { return first_.empty(); }

  static constexpr std::size_t kKeptOfEachEnd = 64 * 1024;

 private:
  std::string first_;
  std::string last_;
  std::size_t left_out_ = 0;
};

/// Hands on what the ranks write to their standard error, whole lines where a rank ends them in time, so that
/// those of two ranks do not mix. Used by one thread; `fd()` is readable whenever `handle()` has work.
class ErrorOutput {
 public:
  using Clock = std::chrono::steady_clock;
  /// What stands before each line of a rank, for --tag-output; empty: nothing.
  using Tag = std::function<std::string(int rank)>;

  /// Writes to `target`, which must outlive the object.
  ErrorOutput(int target, Tag tag);

  /// Takes a rank's connection; `received` of it has been read already.
  void add(FileDescriptor connection, int rank, std::string received);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  /// Reads from connections and writes, as long as `target` takes it: never blocks. What does not fit stays
  /// in the connections, and so the rank that writes too much waits, as it would for a pipe.
  void handle();
  /// When the beginning of a line that does not go on must be shown all the same (a prompt, a progress bar).
  [[nodiscard]] std::optional<Clock::time_point> next_flush() const;
  void flush(Clock::time_point now);
  /// Something waits until `target` takes it; the next handle() or flush() goes on with it.
  [[nodiscard]] bool blocked() const { return !pending_.empty(); }

  /// Connections that have not ended.
  [[nodiscard]] std::size_t open() const { return sources_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< handed on so far

 private:
  struct Source {
    FileDescriptor fd;
    int rank = 0;
    std::string line;    // begun and not ended
    bool begun = false;  // its beginning has been shown
    Clock::time_point since;
  };

  void take(Source& source, std::string_view text);
  void show(Source& source, std::string_view text);
  void write_pending();

  int target_;
  Tag tag_;
  FileDescriptor epoll_;
  std::map<int, Source> sources_;  // by descriptor
  std::string pending_;            // to be written; nothing is read from ranks while there is any
  std::size_t bytes_ = 0;
};

}  // namespace shipyard::supervise
