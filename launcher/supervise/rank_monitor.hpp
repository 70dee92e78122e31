#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/ip_network.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"
#include "launcher/supervise/rank_protocol.hpp"

namespace shipyard::supervise {

/// What is known of one rank.
struct RankRecord {
  int rank = 0;
  std::string host;  ///< as its node calls itself
  std::string cpus;  ///< what it really runs on, "0-5,8-13"; empty: it did not say
  /// The CPUs of the plan that `cpus` stand for, where its node has others than the plan was made for.
  std::string stands_for;
  std::string problem;        ///< why it could not be bound as planned; empty: it was, or nothing was planned
  std::optional<Exit> exit;   ///< how it ended
  int start_error = 0;        ///< errno where it could not be started
  std::string missing;        ///< "program", "directory" or "layout", with start_error
  bool lost = false;          ///< its connection ended before it said how it ended
  bool silent = false;        ///< with lost: the connection was open, and its node gave no sign of life
  bool on_this_node = false;  ///< its connection came from the launcher's own address
  bool absent = false;        ///< it ended with 0 and has never called MPI_Init
  int order = 0;              ///< 1 for the first rank that ended or was lost, 2 for the next …; 0: neither

  [[nodiscard]] bool ended() const { return exit.has_value() || start_error != 0; }
  [[nodiscard]] bool failed() const { return start_error != 0 || (exit && !exit->success()); }
};

/// A node will be taken away by its cloud.
struct PreemptionNotice {
  std::string host;
  std::chrono::seconds left{0};  ///< from when it was heard of
  std::string type;              ///< as the cloud calls it: "Preempt", "Terminate", …
  std::string event;
  std::string description;  ///< often empty

  bool operator==(const PreemptionNotice&) const = default;
};

/// A node that was to be watched for that and is not.
struct UnwatchedNode {
  std::string host;
  std::string why;

  bool operator==(const UnwatchedNode&) const = default;
};

/// The soft limit of descriptors (getrlimit(2)) becomes the hard one, which is ours to use: the usual 1024
/// are too few for a connection a rank. Returns it.
std::size_t raise_descriptor_limit();

/// The launcher's end of the connections to the ranks of one job. Used by one thread; `fd()` becomes readable
/// whenever `handle()` has work.
class RankMonitor {
 public:
  using Clock = std::chrono::steady_clock;
  /// A connection on which a rank's standard error comes; `received` of it has been read already.
  using StderrSink = std::function<void(FileDescriptor connection, int rank, std::string received)>;

  /// Listens on `address`, a port of the kernel's choice. Ranks that show another token are dropped. A node
  /// that gives no sign of life for `silence_limit` counts as lost.
  static Result<RankMonitor> listen(const IpAddress& address, std::string token,
                                    std::chrono::milliseconds silence_limit);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  /// "10.0.0.4:40123", for kReportVariable.
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  void set_stderr_sink(StderrSink sink) { stderr_sink_ = std::move(sink); }

  /// Takes in whatever has arrived; never blocks.
  void handle();

  /// Gives all nodes a sign of life, and takes for lost those that gave none in time. To be called every
  /// beat_interval(silence_limit), after handle(). A call that comes late by more than that is no reason to
  /// suspect a node: this machine may have been stopped itself.
  void beat(Clock::time_point now);
  /// The second half of beat() alone, for the time between two of them, where silence_deadline() has come.
  void judge_silence(Clock::time_point now);
  /// When the first of those that are silent counts as lost.
  [[nodiscard]] Clock::time_point silence_deadline() const { return silence_deadline_; }
  [[nodiscard]] std::chrono::milliseconds silence_limit() const { return silence_limit_; }
  [[nodiscard]] std::chrono::milliseconds interval() const { return beat_interval(silence_limit_); }

  /// By rank.
  [[nodiscard]] const std::map<int, RankRecord>& records() const { return records_; }
  /// Ranks whose connection is open.
  [[nodiscard]] std::size_t connected() const;
  /// Ranks whose end was heard of.
  [[nodiscard]] int ended() const { return ended_; }
  /// Ranks whose connection was lost, and those of them whose node fell silent.
  [[nodiscard]] int lost() const { return lost_; }
  [[nodiscard]] int silent() const { return silent_; }
  /// A rank has ended well and without MPI_Init, in which others wait for it.
  [[nodiscard]] bool missed() const { return joined_ && absent_; }
  /// A rank has said that it ended, and not well.
  [[nodiscard]] bool failed() const { return failed_; }

  /// The first one that was heard of.
  [[nodiscard]] const std::optional<PreemptionNotice>& preemption() const { return preemption_; }
  /// Each once, in the order in which they said so.
  [[nodiscard]] const std::vector<UnwatchedNode>& unwatched() const { return unwatched_; }

  /// To every rank that is connected, by the program beside it.
  void send_signal(int number);

  /// Closes every connection for this side: each node then ends its rank. They still count as connected until
  /// the node has closed as well.
  void hang_up();

 private:
  struct Connection {
    FileDescriptor fd;
    std::string peer;
    std::string received;
    int rank = -1;
    bool is_stderr = false;
    bool timed_out = false;  // with an end by error: the kernel has given the other side up
    Clock::time_point heard;
  };

  RankMonitor() = default;
  void accept_all();
  /// False: nothing had arrived.
  /// `gone`: those whose connection has ended.
  bool handle_some(std::vector<Connection>& gone);
  /// False: the connection is over.
  bool read(Connection& connection);
  bool take_line(Connection& connection, std::string_view line);
  void say_to_all(const LauncherMessage& message);
  /// Marks its rank as lost unless it has ended.
  void note_loss(const Connection& connection, bool silent);

  FileDescriptor listener_;
  FileDescriptor epoll_;
  std::string endpoint_;
  std::string address_;  // of this node, as ranks on it connect from it
  std::string token_;
  std::chrono::milliseconds silence_limit_{};
  Clock::time_point last_beat_ = Clock::now();
  Clock::time_point silence_deadline_ = Clock::time_point::max();
  StderrSink stderr_sink_;
  std::map<int, Connection> connections_;  // by descriptor
  std::map<int, RankRecord> records_;
  int events_ = 0;  // ends and losses
  int ended_ = 0;
  int lost_ = 0;
  int silent_ = 0;
  bool joined_ = false;
  bool absent_ = false;
  bool failed_ = false;
  std::optional<PreemptionNotice> preemption_;
  std::vector<UnwatchedNode> unwatched_;
  bool hung_up_ = false;
  bool names_peers_ = true;
};

}  // namespace shipyard::supervise
