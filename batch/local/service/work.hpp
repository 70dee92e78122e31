#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace shipyard::local {

/// The line between what an account says (account.hpp: pure, in memory) and what happens on nodes
/// (runner.hpp: processes and containers). The account gives orders, the runner tells events; neither waits
/// for the other.

/// A node as both know it.
struct NodeInfo {
  std::string id;         ///< Batch's name of it: tvmps_…_d
  std::string address;    ///< 10.77.0.4
  std::string directory;  ///< on this machine: what is /mnt/batch/tasks on the node
  int number = 0;         ///< from 0, its own within the pool; a smaller pool has those with the least
  int start_status = 0;   ///< of its start task, which may have failed (waitForSuccess false)
  bool operator==(const NodeInfo&) const = default;
};

/// Where the files of a task lie on its nodes, below NodeInfo::directory: workitems/JOB/job-1/TASK on the
/// primary's, and a directory of its own below that for each subtask on the node of that subtask.
[[nodiscard]] inline std::string task_directory(const std::string& job, const std::string& task,
                                                int subtask = 0) {
  std::string path = "workitems/" + job + "/job-1/" + task;
  if (subtask > 0) path += "/" + std::to_string(subtask);
  return path;
}

/// The ids of a job's preparation and release tasks where its body gives none (JobPreparationTask,
/// JobReleaseTask); they name directories beside those of its tasks.
inline constexpr const char* kPreparationId = "jobpreparation";
inline constexpr const char* kReleaseId = "jobrelease";

/// A task that has its nodes: the job's preparation on those of `prepare`, its coordination command on all of
/// them, its command on the first. Each attempt begins with an empty directory.
struct TaskOrder {
  std::string job;
  std::string task;
  int attempt =
      0;  ///< of this task, from 0; in every event, so that one of an earlier attempt is told from it
  std::string pool;
  std::vector<std::string> nodes;    ///< ids; the primary first
  std::vector<std::string> prepare;  ///< those of `nodes` on which the preparation task is to run first
  nlohmann::json job_body;           ///< JobAddParameter
  nlohmann::json task_body;          ///< TaskAddParameter
};

/// Asked for by the account. Each returns at once; what comes of it is told by Events. Called with the
/// account's lock held: nothing in it may call the account.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Makes nodes until the pool has `nodes`, or takes away those with the greatest numbers; 0 before it is
  /// deleted. `body`: PoolAddParameter or PoolSpecification (its start task runs on each new node).
  /// Events::pool_steady follows, for each order, in their order. After Account::restarted() an order comes
  /// for each pool: nodes that are found again are told by node_made like new ones, under their old ids.
  virtual void resize_pool(const std::string& pool, int nodes, const nlohmann::json& body) = 0;
  /// Events::task_ended follows for each order, whatever becomes of the task, its job and its nodes.
  virtual void start(const TaskOrder& order) = 0;
  /// Ends the processes of a task; Events::task_ended follows, with whatever it says: until then its nodes
  /// count as taken. The account has decided already what has become of the task.
  virtual void terminate(const std::string& job, const std::string& task) = 0;
  /// The job's release task on these nodes: those that its preparation ran on. Events::released follows for
  /// each. The directories of its tasks stay: a client reads them after the job's end.
  virtual void release(const std::string& job, const std::vector<std::string>& nodes,
                       const nlohmann::json& job_body) = 0;
  /// The directory of a task that is deleted, or (`task` empty) of a whole job: workitems/JOB. Nothing
  /// follows, but a later order for a job or task of that name finds it done.
  virtual void remove_files(const std::string& job, const std::string& task,
                            const std::vector<std::string>& nodes) = 0;
};

/// How a command of a task ended. Exactly one of the two is set.
struct CommandEnd {
  std::optional<int> exit_code;
  std::string fault;    ///< it could not be started, or was ended: "TaskEnded", "WallClockTimeExpired", …
  std::string message;  ///< with an exit code that says failure: what it has said last, where that is known
};

/// What the runner tells. May be called by any thread; takes the account's lock.
class Events {
 public:
  virtual ~Events() = default;
  /// The node can take tasks: its start task has ended well.
  virtual void node_made(const std::string& pool, const NodeInfo& node) = 0;
  /// It has died. Its tasks are requeued (terminate comes for each), and resize_pool asks for another.
  virtual void node_lost(const std::string& pool, const std::string& node, const std::string& why) = 0;
  /// It was taken away, as resize_pool has asked.
  virtual void node_removed(const std::string& pool, const std::string& node) = 0;
  /// Nothing more is made or taken away. `resize_error`: why there are fewer nodes than asked for; else
  /// empty.
  virtual void pool_steady(const std::string& pool, const std::string& resize_error) = 0;
  /// How the job's preparation task has ended on a node. Where it has failed and its job waits for its
  /// success (waitForSuccess), the task does not run: its task_ended follows.
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
