#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/ip_network.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"

namespace shipyard::supervise {

/// What is known of one rank.
struct RankRecord {
  int rank = 0;
  std::string host;  ///< as its node calls itself
  std::string cpus;  ///< what it really runs on, "0-5,8-13"; empty: it did not say
  /// The CPUs of the plan that `cpus` stand for, where its node has others than the plan was made for.
  std::string stands_for;
  std::string problem;       ///< why it could not be bound as planned; empty: it was, or nothing was planned
  std::optional<Exit> exit;  ///< how it ended
  int start_error = 0;       ///< errno where it could not be started
  std::string missing;       ///< "program", "directory" or "layout", with start_error
  bool lost = false;         ///< its connection broke before it said how it ended
  int order = 0;  ///< 1 for the first rank whose end was heard of, 2 for the next …; 0: not ended

  [[nodiscard]] bool ended() const { return exit.has_value() || start_error != 0; }
  [[nodiscard]] bool failed() const { return start_error != 0 || (exit && !exit->success()); }
};

/// Listens for the ranks of one job. Used by one thread; `fd()` becomes readable whenever `handle()` has
/// work.
class RankMonitor {
 public:
  /// Listens on `address`, a port of the kernel's choice. Ranks that show another token are dropped.
  static Result<RankMonitor> listen(const IpAddress& address, std::string token);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  /// "10.0.0.4:40123", for kReportVariable.
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

  /// Takes in whatever has arrived; never blocks.
  void handle();

  /// By rank.
  [[nodiscard]] const std::map<int, RankRecord>& records() const { return records_; }
  /// Ranks whose connection is open.
  [[nodiscard]] std::size_t connected() const { return connections_.size(); }
  [[nodiscard]] int lost() const { return lost_; }

  /// Closes every connection for this side: each node then ends its rank. They still count as connected until
  /// the node has closed as well.
  void hang_up();

 private:
  struct Connection {
    FileDescriptor fd;
    std::string peer;
    std::string received;
    int rank = -1;
  };

  RankMonitor() = default;
  void accept_all();
  /// False: the connection is over.
  bool read(Connection& connection);
  bool take_line(Connection& connection, std::string_view line);

  FileDescriptor listener_;
  FileDescriptor epoll_;
  std::string endpoint_;
  std::string token_;
  std::map<int, Connection> connections_;  // by descriptor
  std::map<int, RankRecord> records_;
  int ended_ = 0;
  int lost_ = 0;
  bool hung_up_ = false;
  bool names_peers_ = true;
};

}  // namespace shipyard::supervise
