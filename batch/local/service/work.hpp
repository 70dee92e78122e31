#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace shipyard::local {

/// The line between what an account says (account.hpp: pure, in memory) and what happens on nodes (runner.hpp:
/// processes and containers). The account gives orders, the runner tells events; neither waits for the other.

/// A node as both know it.
struct NodeInfo {
  std::string id;         ///< Batch's name of it: tvmps_…_d
  std::string address;    ///< 10.77.0.4
  std::string directory;  ///< on this machine: what is /mnt/batch/tasks on the node
  bool operator==(const NodeInfo&) const = default;
};

/// A task that has its nodes: its preparation (where the job has one that has not run on a node yet), its
/// coordination command on all of them, its command on the first.
struct TaskOrder {
  std::string job;
  std::string task;
  int attempt = 0;  ///< of this task, from 0; in every event, so that one of an earlier attempt is told from it
  std::string pool;
  std::vector<std::string> nodes;  ///< ids; the primary first
  nlohmann::json job_body;         ///< JobAddParameter
  nlohmann::json task_body;        ///< TaskAddParameter
};

/// Asked for by the account. Each returns at once; what comes of it is told by Events. Called with the
/// account's lock held: nothing in it may call the account.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Makes nodes until the pool has `nodes`, or takes away the last ones; 0 before it is deleted. `body`:
  /// PoolAddParameter or PoolSpecification (its start task runs on each new node).
  virtual void resize_pool(const std::string& pool, int nodes, const nlohmann::json& body) = 0;
  virtual void start(const TaskOrder& order) = 0;
  /// Ends the processes of a task; Events::task_ended follows.
  virtual void terminate(const std::string& job, const std::string& task) = 0;
  /// The job's release task on these nodes, then its directories go. Events::released follows for each.
  virtual void release(const std::string& job, const std::vector<std::string>& nodes,
                       const nlohmann::json& job_body) = 0;
};

/// How a command of a task ended. Exactly one of the two is set.
struct CommandEnd {
  std::optional<int> exit_code;
  std::string fault;  ///< it could not be started, or was ended: "TaskEnded", "WallClockTimeExpired", …
  std::string message;
};

/// What the runner tells. May be called by any thread; takes the account's lock.
class Events {
 public:
  virtual ~Events() = default;
  virtual void node_made(const std::string& pool, const NodeInfo& node) = 0;
  virtual void node_lost(const std::string& pool, const std::string& node, const std::string& why) = 0;
  virtual void node_removed(const std::string& pool, const std::string& node) = 0;
  virtual void pool_steady(const std::string& pool, const std::string& resize_error) = 0;
  virtual void prepared(const std::string& job, const std::string& node, const CommandEnd& end) = 0;
  virtual void released(const std::string& job, const std::string& node, const CommandEnd& end) = 0;
  /// A coordination command has begun, or ended. `subtask` 0 is the primary's.
  virtual void subtask_started(const TaskOrder& order, int subtask) = 0;
  virtual void subtask_ended(const TaskOrder& order, int subtask, const CommandEnd& end) = 0;
  /// The application command has begun.
  virtual void task_started(const TaskOrder& order) = 0;
  /// The task is over, one way or the other.
  virtual void task_ended(const TaskOrder& order, const CommandEnd& end) = 0;
};

}  // namespace shipyard::local
