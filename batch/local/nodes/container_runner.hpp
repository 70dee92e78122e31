#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "batch/local/nodes/node_maker.hpp"
#include "batch/local/nodes/task_run.hpp"
#include "batch/local/service/work.hpp"

namespace shipyard::local {

/// Runs pools, tasks and release tasks in containers on this machine (work.hpp). A thread for each thing that
/// takes time; the destructor ends them all, and removes what is left of nodes and networks (not the nodes'
/// directories).
class ContainerRunner : public Runner {
 public:
  ContainerRunner(TaskSettings settings, NodeMaker& maker, const Environment& environment,
                  const Messages& messages);
  ~ContainerRunner() override;
  ContainerRunner(const ContainerRunner&) = delete;
  ContainerRunner& operator=(const ContainerRunner&) = delete;

  /// Whom it tells; before anything is asked of it.
  void tell(Events& events) { events_ = &events; }
  /// AZ_BATCH_ACCOUNT_URL of all tasks; before anything is asked of it. Ends in '/'.
  void set_account_url(std::string url) { settings_.account_url = std::move(url); }

  void resize_pool(const std::string& pool, int nodes, const nlohmann::json& body) override;
  void start(const TaskOrder& order) override;
  void terminate(const std::string& job, const std::string& task) override;
  void release(const std::string& job, const std::vector<std::string>& nodes,
               const nlohmann::json& job_body) override;
  void remove_files(const std::string& job, const std::string& task,
                    const std::vector<std::string>& nodes) override;

  /// Ends all tasks and nodes, and takes no more orders.
  void stop();

 private:
  struct Node {
    NodeContainer container;
    std::unique_ptr<node_docker::Broker> docker;
  };
  struct Pool {
    int wanted = 0;
    nlohmann::json body;
    bool busy = false;  ///< a thread brings it to what is wanted
    int orders = 0;     ///< of resize_pool that no pool_steady has answered
    int changes = 0;    ///< orders and losses so far
    std::map<int, std::shared_ptr<Node>> nodes;
    std::vector<std::shared_ptr<Node>> lost;  ///< still to be removed, before others take their names
    CpuDeal cpus;
    bool dealt = false;
  };
  struct RunningTask {
    TaskOrder order;
    std::atomic<bool> ended_from_outside{false};
    std::atomic<bool> node_lost{false};
  };
  void spawn(std::function<void()> work);
  void bring_to_size(const std::string& pool);
  /// What went wrong with one of them, and the rest is not made; empty where nothing did.
  std::string make_nodes(const std::string& pool, const std::vector<int>& missing, const nlohmann::json& body,
                         const CpuDeal& cpus);
  /// Null where it is no longer wanted.
  Result<std::shared_ptr<Node>> make_node(const std::string& pool, int index, const nlohmann::json& body,
                                          const Cpus& cpus, bool shared_cpus);
  void watch_nodes();
  /// Its container has ended: the account is told, and another one takes its place.
  void lose_node(const std::string& pool, const std::shared_ptr<Node>& node);
  void run_task(const std::shared_ptr<RunningTask>& task);
  [[nodiscard]] Variables variables_of_node(const std::string& pool, const std::string& node) const;
  std::shared_ptr<Node> find_node(const std::string& id, std::string* pool = nullptr);

  TaskSettings settings_;
  NodeMaker& maker_;
  const Environment& environment_;
  const Messages& messages_;
  Events* events_ = nullptr;

  std::mutex loss_mutex_;  ///< taken before mutex_, and while the account is told
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Pool> pools_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<RunningTask>> tasks_;
  std::list<std::thread> threads_;
  std::vector<std::thread::id> finished_;
  bool stopping_ = false;
  std::atomic<bool> stop_{false};  ///< the same, for commands
};

}  // namespace shipyard::local
