#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "batch/local/service/fault.hpp"
#include "batch/local/service/job_resource.hpp"
#include "batch/local/service/pool_resource.hpp"
#include "batch/local/service/work.hpp"

namespace shipyard::local {

/// The version of a resource, for the headers of an answer.
struct Revision {
  std::string path;  ///< /jobs/j/tasks/t
  std::string etag;
  Time modified;
};

struct Answer {
  int status = 200;
  nlohmann::json body = {};  ///< null: there is none
  std::optional<Revision> revision = {};
  bool created = false;  ///< Location is told
};

/// Where the files lie that a client may see: below `path` of `directory`, a directory of this machine.
struct FilePlace {
  std::string directory;
  std::string path;  ///< without slashes at its ends; empty: all of the directory
};

/// How long a pool outlives its job (poolLifetimeOption job). Azure, too, takes a while to take the nodes
/// away: whoever follows a task reads the end of its output meanwhile.
inline constexpr std::chrono::milliseconds kPoolOutlivesJob{10'000};

using Outcome = std::variant<Answer, Fault>;
using Listing = std::variant<std::vector<nlohmann::json>, Fault>;
using FileOutcome = std::variant<FilePlace, Fault>;

/// An account of Azure Batch: its pools, jobs and tasks, what each operation of the REST service makes of
/// them, and what becomes of them by what a Runner tells. The rules are those of the service's documentation
/// (learn.microsoft.com/rest/api/batchservice) and of its published definitions. Bodies are what
/// faults_of_body (definitions.hpp) lets through.
///
/// All members may be called by any thread. `if_match`: the request's If-Match; empty where there is none.
/// `base`: the service's URL as the client calls it, for the URLs in answers.
class Account final : public Events {
 public:
  using Clock = std::function<Time()>;

  /// `runner` outlives the account. Orders are given from within the members below.
  explicit Account(Runner& runner, Clock clock = std::chrono::system_clock::now);

  Outcome add_pool(const nlohmann::json& body);
  Outcome get_pool(const std::string& pool, const std::string& base);
  Listing list_pools(const std::string& base);
  Outcome patch_pool(const std::string& pool, const nlohmann::json& body, const std::string& if_match);
  Outcome delete_pool(const std::string& pool, const std::string& if_match);
  Outcome resize_pool(const std::string& pool, const nlohmann::json& body, const std::string& if_match);
  Outcome stop_resize(const std::string& pool, const std::string& if_match);
  Listing list_nodes(const std::string& pool, const std::string& base);
  Outcome get_node(const std::string& pool, const std::string& node, const std::string& base);

  Outcome add_job(const nlohmann::json& body);
  Outcome get_job(const std::string& job, const std::string& base);
  Listing list_jobs(const std::string& base);
  /// PATCH changes what the body names; PUT (`replace`) sets the rest back to its defaults.
  Outcome update_job(const std::string& job, const nlohmann::json& body, const std::string& if_match,
                     bool replace);
  Outcome delete_job(const std::string& job, const std::string& if_match);
  Outcome terminate_job(const std::string& job, const nlohmann::json& body, const std::string& if_match);
  /// `body`: JobDisableParameter, requeue, terminate or wait.
  Outcome disable_job(const std::string& job, const nlohmann::json& body, const std::string& if_match);
  Outcome enable_job(const std::string& job, const std::string& if_match);
  Outcome count_tasks(const std::string& job);
  Listing list_preparations(const std::string& job, const std::string& base);

  Outcome add_task(const std::string& job, const nlohmann::json& body);
  /// TaskAddCollectionParameter, of 100 tasks at most: an answer for each.
  Outcome add_tasks(const std::string& job, const nlohmann::json& body, const std::string& base);
  Outcome get_task(const std::string& job, const std::string& task, const std::string& base);
  Listing list_tasks(const std::string& job, const std::string& base);
  Outcome update_task(const std::string& job, const std::string& task, const nlohmann::json& body,
                      const std::string& if_match);
  Outcome delete_task(const std::string& job, const std::string& task, const std::string& if_match);
  Outcome terminate_task(const std::string& job, const std::string& task, const std::string& if_match);
  Outcome reactivate_task(const std::string& job, const std::string& task, const std::string& if_match);
  Listing list_subtasks(const std::string& job, const std::string& task, const std::string& base);

  FileOutcome task_files(const std::string& job, const std::string& task);
  FileOutcome node_files(const std::string& pool, const std::string& node);

  void node_made(const std::string& pool, const NodeInfo& node) override;
  void node_lost(const std::string& pool, const std::string& node, const std::string& why) override;
  void node_removed(const std::string& pool, const std::string& node) override;
  void pool_steady(const std::string& pool, const std::string& resize_error) override;
  void prepared(const std::string& job, const std::string& node, const CommandEnd& end) override;
  void released(const std::string& job, const std::string& node, const CommandEnd& end) override;
  void subtask_started(const TaskOrder& order, int subtask) override;
  void subtask_ended(const TaskOrder& order, int subtask, const CommandEnd& end) override;
  void task_started(const TaskOrder& order) override;
  void task_ended(const TaskOrder& order, const CommandEnd& end) override;

  /// Ends tasks and jobs whose maxWallClockTime is over. To be called about once a second.
  void tick();

  /// All of it, for another process of this service. It holds what clients gave, secrets too: a file of it is
  /// for its owner alone.
  [[nodiscard]] nlohmann::json to_json() const;
  /// In place of what is there, before anything else is called. What is not of to_json's form is left out.
  void from_json(const nlohmann::json& document);
  /// After from_json: what ran is running no more. Such tasks are tried again where they have a retry left,
  /// and else have failed (ServiceRestarted); the nodes of all pools are asked for again.
  void restarted();
  /// Grows with each change: whoever keeps the state on disk writes it when this has changed.
  [[nodiscard]] unsigned long long version() const;
  /// Why a task waits, in a sentence; empty where it does not.
  [[nodiscard]] std::string reason_for_waiting(const std::string& job, const std::string& task) const;

 private:
  /// Nodes that belong to an attempt until the runner says that it has ended, whatever the task has become.
  struct Taken {
    TaskOrder order;
    bool forget = false;  ///< its task is deleted: the files go with the end
  };

  // All of these want the lock to be held.
  [[nodiscard]] PoolResource* find_pool(std::string_view id) const;
  [[nodiscard]] JobResource* find_job(std::string_view id) const;
  [[nodiscard]] Taken* find_taken(std::string_view job, std::string_view task);
  [[nodiscard]] std::map<std::string, int> slots_taken(const PoolResource& pool) const;
  /// Why the job takes no changes: it is ending, or has ended.
  [[nodiscard]] static std::optional<Fault> refusal(const JobResource& job);
  void touch(Resource& resource);

  void order_nodes(PoolResource& pool, int count, const std::string& allocation_state);
  void begin_deletion(PoolResource& pool);
  /// Active again, or completed where `why` says that they end with their nodes.
  void take_from_nodes(const PoolResource& pool, const std::vector<std::string>& nodes,
                       const std::optional<CommandEnd>& why);
  void forget_node(PoolResource& pool, const std::string& node);
  /// The nodes that a pool of its present target does not have.
  void take_beyond_target(PoolResource& pool, const std::optional<CommandEnd>& why);

  std::variant<TaskResource*, Fault> new_task_in(JobResource& job, const nlohmann::json& body);
  /// Completes a task that may be on nodes; the runner is told.
  void end_task(JobResource& job, TaskResource& task, const CommandEnd& how);
  void requeue_task(JobResource& job, TaskResource& task);
  void task_completed(JobResource& job, TaskResource& task);
  void end_job(JobResource& job, const std::string& reason);
  /// The task of an event that is about its present attempt.
  [[nodiscard]] std::pair<JobResource*, TaskResource*> present(const TaskOrder& order);

  /// Whatever follows from the present state: jobs end, tasks get nodes.
  void advance();
  /// The auto pool of a job that has ended goes; true where there was one.
  bool end_pool_of(const JobResource& job);
  /// True where the job is to be removed.
  bool advance_ending(JobResource& job);
  void place_tasks();
  void start_task(JobResource& job, TaskResource& task, std::vector<std::string> nodes);

  mutable std::mutex mutex_;
  Runner& runner_;
  Clock clock_;
  Etags etags_;
  unsigned long long version_ = 0;
  std::vector<std::unique_ptr<PoolResource>> pools_;
  std::vector<std::unique_ptr<JobResource>> jobs_;
  std::vector<Taken> taken_;
  std::map<std::string, int> resizes_;  ///< orders of a pool that no pool_steady has answered
};

}  // namespace shipyard::local
