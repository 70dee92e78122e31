#include "batch/local/nodes/container_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "batch/client/json_access.hpp"
#include "batch/local/machine.hpp"
#include "batch/local/nodes/engine_call.hpp"
#include "batch/local/nodes/without_exceptions.hpp"

namespace shipyard::local {
namespace {

using batch::part_at;
using batch::text_at;
using nlohmann::json;

/// How often it is looked whether the nodes are still there.
constexpr std::chrono::seconds kWatch{2};
/// The engine does the work; more at once only queue up there.
constexpr std::size_t kAtOnce = 4;
/// "The default value is 15 minutes. You may not specify a timeout longer than 15 minutes." (JobReleaseTask)
constexpr std::chrono::minutes kMostOfARelease{15};

}  // namespace

ContainerRunner::ContainerRunner(TaskSettings settings, NodeMaker& maker, const Environment& environment,
                                 const Messages& messages)
    : settings_(std::move(settings)), maker_(maker), environment_(environment), messages_(messages) {
  spawn([this] { watch_nodes(); });
}

ContainerRunner::~ContainerRunner() { stop(); }

void ContainerRunner::spawn(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  // Those that are over go with the next one.
  for (const auto& id : finished_) {
    const auto found =
        std::find_if(threads_.begin(), threads_.end(), [&](const auto& t) { return t.get_id() == id; });
    if (found == threads_.end()) continue;
    found->join();
    threads_.erase(found);
  }
  finished_.clear();
  if (stopping_) return;
  threads_.emplace_back([this, work = std::move(work)] {
    without_exceptions<int>([&] { return work(), 0; },
                            [&](const char* what) {
                              return messages_.error({Error::Code::kSystem, what, {}, {}}), 1;
                            });
    const std::lock_guard done(mutex_);
    finished_.push_back(std::this_thread::get_id());
    changed_.notify_all();
  });
}

void ContainerRunner::stop() {
  std::list<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    stop_ = true;
    for (auto& [id, task] : tasks_) task->ended_from_outside = true;
    changed_.notify_all();
    threads.swap(threads_);
  }
  for (auto& thread : threads) thread.join();
  std::map<std::string, Pool> pools;
  {
    const std::lock_guard lock(mutex_);
    pools.swap(pools_);
  }
  for (auto& [id, pool] : pools) {
    for (auto& [index, node] : pool.nodes) {
      node->docker.reset();
      maker_.remove_node(node->container, false);
    }
    for (auto& node : pool.lost) {
      node->docker.reset();
      maker_.remove_node(node->container, false);
    }
  }
  // By its label: what was just being made, and the networks.
  if (auto removed = maker_.remove_all(); !removed) messages_.error(removed.error());
}

void ContainerRunner::resize_pool(const std::string& pool, int nodes, const json& body) {
  bool begin = false;
  {
    const std::lock_guard lock(mutex_);
    auto& entry = pools_[pool];
    entry.wanted = nodes;
    ++entry.orders;
    ++entry.changes;
    if (!body.is_null()) entry.body = body;
    begin = !std::exchange(entry.busy, true);
  }
  if (begin) spawn([this, pool] { bring_to_size(pool); });
}

Result<std::shared_ptr<ContainerRunner::Node>> ContainerRunner::make_node(const std::string& pool, int index,
                                                                          const json& body, const Cpus& cpus,
                                                                          bool shared_cpus) {
  auto container = maker_.plan_node(pool, index, cpus);
  if (!container) return container.error();
  auto node = std::make_shared<Node>();
  node->container = std::move(*container);
  // Ranks that wait in a container would keep those of other nodes from their core.
  if (shared_cpus) node->container.variables = {{"OMPI_MCA_mpi_yield_when_idle", "1"}};
  node->container.docker.variables = node->container.variables;
  auto docker = maker_.start_docker(node->container);
  if (!docker) return docker.error();
  node->docker = std::move(*docker);
  if (auto made = maker_.start_node(node->container, pool, index); !made) return made.error();
  const json start = part_at(body, "startTask");
  if (start.empty()) return node;
  Variables variables = variables_of_node(pool, node->container.info.id);
  const auto is_wanted = [this, pool, index] {
    const std::lock_guard lock(mutex_);
    const auto entry = pools_.find(pool);
    return !stopping_ && entry != pools_.end() && entry->second.wanted > index;
  };
  const auto end = run_single_command(settings_, node->container, start, std::move(variables), "startup",
                                      std::not_fn(is_wanted), environment_);
  node->container.info.start_status = end.exit_code.value_or(1);
  const bool good = end.exit_code == 0 || start.value("waitForSuccess", json(true)) == json(false);
  const bool wanted = is_wanted();
  if (good && wanted) return node;
  const std::string why = end.exit_code ? fmt::format("exit status {}", *end.exit_code) : end.message;
  const std::string said = last_words(node->container.info.directory + "/startup/stderr.txt");
  node->docker.reset();
  maker_.remove_node(node->container, !wanted);
  if (!wanted) return std::shared_ptr<Node>();
  return Error{
      Error::Code::kSystem,
      fmt::format("the start task failed on node {} ({}){}{}", index, why, said.empty() ? "" : ": ", said),
      fmt::format("its output: {}/startup/stderr.txt", node->container.info.directory),
      {}};
}

void ContainerRunner::bring_to_size(const std::string& pool) {
  std::string fault;
  int tried = 0;
  int orders = 0;
  bool forgotten = false;
  while (true) {
    int wanted = 0;
    json body;
    std::vector<int> missing;
    std::vector<std::shared_ptr<Node>> lost;
    std::vector<std::shared_ptr<Node>> surplus;
    CpuDeal cpus;
    {
      const std::lock_guard lock(mutex_);
      auto& entry = pools_[pool];
      if (stopping_) {  // stop() removes what is there
        entry.busy = false;
        return;
      }
      wanted = entry.wanted;
      body = entry.body;
      // Another order, or another loss: what has failed before may go well now.
      if (std::exchange(tried, entry.changes) != entry.changes) fault.clear();
      if (!entry.dealt && wanted > 0) {
        // The first size decides: the nodes that are there keep theirs.
        if (auto deal = deal_cpus(wanted, std::nullopt, usable_cores(), {})) entry.cpus = std::move(*deal);
        entry.dealt = true;
      }
      cpus = entry.cpus;
      for (int k = 0; k < wanted; ++k) {
        if (entry.nodes.find(k) == entry.nodes.end()) missing.push_back(k);
      }
      for (auto node = entry.nodes.lower_bound(wanted); node != entry.nodes.end();) {
        surplus.push_back(node->second);
        node = entry.nodes.erase(node);
      }
      lost.swap(entry.lost);
      if (lost.empty() && surplus.empty() && (missing.empty() || !fault.empty()) &&
          (wanted > 0 || forgotten)) {
        entry.busy = false;
        orders = std::exchange(entry.orders, 0);
        if (wanted == 0) pools_.erase(pool);
        break;
      }
    }
    // Before another one of the same name is made.
    for (const auto& node : lost) {
      node->docker.reset();
      maker_.remove_node(node->container, false);
    }
    for (const auto& node : surplus) {
      node->docker.reset();
      maker_.remove_node(node->container, true);
      events_->node_removed(pool, node->container.info.id);
    }
    if (wanted == 0) maker_.forget_pool(pool);
    forgotten = wanted == 0;
    if (missing.empty() || !fault.empty()) continue;
    // Room for later ones: a subnet cannot grow.
    if (auto made = maker_.make_network(pool, std::max(wanted, 200)); !made) {
      fault = made.error().message;
      continue;
    }
    fault = make_nodes(pool, missing, body, cpus);
  }
  for (int k = 0; k < orders; ++k) events_->pool_steady(pool, fault);
}

std::string ContainerRunner::make_nodes(const std::string& pool, const std::vector<int>& missing,
                                        const json& body, const CpuDeal& cpus) {
  for (std::size_t from = 0; from < missing.size(); from += kAtOnce) {
    const std::size_t to = std::min(from + kAtOnce, missing.size());
    std::vector<std::string> faults(to - from);
    std::vector<std::thread> threads;
    for (std::size_t k = from; k < to; ++k) {
      threads.emplace_back([&, k] {
        const int index = missing[k];
        const auto place = static_cast<std::size_t>(index);
        auto node = without_exceptions<Result<std::shared_ptr<Node>>>(
            [&] {
              // One that came later has no share of its own.
              const bool has_share = place < cpus.sets.size();
              return make_node(pool, index, body, has_share ? cpus.sets[place] : Cpus{},
                               cpus.shared || !has_share);
            },
            [](const char* what) {
              return Error{Error::Code::kSystem, what, {}, {}};
            });
        if (!node) {
          faults[k - from] = node.error().message;
          messages_.error(node.error());
          return;
        }
        if (*node == nullptr) return;
        const NodeInfo info = (*node)->container.info;
        {
          const std::lock_guard lock(mutex_);
          pools_[pool].nodes[index] = std::move(*node);
        }
        events_->node_made(pool, info);
      });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& fault : faults) {
      if (!fault.empty()) return fault;
    }
    const std::lock_guard lock(mutex_);
    const auto entry = pools_.find(pool);
    if (stopping_ || entry == pools_.end() || entry->second.wanted <= missing[to - 1]) break;
  }
  return "";
}

void ContainerRunner::watch_nodes() {
  while (true) {
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> nodes;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kWatch, [this] { return stopping_; });
      if (stopping_) return;
      for (const auto& [id, pool] : pools_) {
        for (const auto& [index, node] : pool.nodes) nodes.emplace_back(id, node);
      }
    }
    std::vector<NodeContainer> containers;
    containers.reserve(nodes.size());
    for (const auto& [pool, node] : nodes) containers.push_back(node->container);
    const auto gone = maker_.ended(containers);
    for (const auto& [pool, node] : nodes) {
      if (std::find(gone.begin(), gone.end(), node->container.info.id) != gone.end()) lose_node(pool, node);
    }
  }
}

void ContainerRunner::lose_node(const std::string& pool, const std::shared_ptr<Node>& node) {
  // Who finds it second returns when the account knows.
  const std::lock_guard one_after_the_other(loss_mutex_);
  const std::string id = node->container.info.id;
  bool begin = false;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = pools_.find(pool);
    if (entry == pools_.end() || stopping_) return;
    // Not one that is taken away just now.
    if (std::erase_if(entry->second.nodes, [&](const auto& one) { return one.second == node; }) == 0) return;
    entry->second.lost.push_back(node);
    ++entry->second.changes;
    begin = !std::exchange(entry->second.busy, true);
    // Its tasks cannot go on, and their commands on other nodes do not find that out.
    for (auto& [key, task] : tasks_) {
      const auto& of_task = task->order.nodes;
      if (std::find(of_task.begin(), of_task.end(), id) == of_task.end()) continue;
      task->node_lost = true;
      task->ended_from_outside = true;
    }
  }
  events_->node_lost(pool, id, "its container has ended");
  // As Batch, which brings a node back, or another one in its place.
  if (begin) spawn([this, pool] { bring_to_size(pool); });
}

std::shared_ptr<ContainerRunner::Node> ContainerRunner::find_node(const std::string& id, std::string* pool) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : pools_) {
    for (const auto& [index, node] : entry.nodes) {
      if (node->container.info.id != id) continue;
      if (pool != nullptr) *pool = name;
      return node;
    }
  }
  return nullptr;
}

void ContainerRunner::start(const TaskOrder& order) {
  auto task = std::make_shared<RunningTask>();
  task->order = order;
  {
    const std::lock_guard lock(mutex_);
    tasks_[{order.job, order.task}] = task;
  }
  spawn([this, task] { run_task(task); });
}

void ContainerRunner::run_task(const std::shared_ptr<RunningTask>& task) {
  const TaskOrder& order = task->order;
  if (!part_at(order.task_body, "outputFiles").empty())
    messages_.note(
        fmt::format("task '{}' of job '{}': its output files are not uploaded: they stay on its node",
                    order.task, order.job));
  std::vector<std::shared_ptr<Node>> held;
  std::vector<TaskNode> nodes;
  CommandEnd end;
  CpuDeal cpus;
  for (const auto& id : order.nodes) {
    auto node = find_node(id);
    if (!node) {
      end = {std::nullopt, "NodeLost", fmt::format("node {} is gone", id)};
      break;
    }
    const bool wants = std::find(order.prepare.begin(), order.prepare.end(), id) != order.prepare.end();
    nodes.push_back({node->container, wants});
    held.push_back(std::move(node));
  }
  if (end.fault.empty()) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto entry = pools_.find(order.pool); entry != pools_.end()) cpus = entry->second.cpus;
    }
    end = without_exceptions<CommandEnd>(
        [&] {
          return TaskRun(settings_, order, nodes, cpus, task->ended_from_outside, environment_, *events_)
              .run();
        },
        [](const char* what) {
          return CommandEnd{std::nullopt, "TaskFailed", what};
        });
  }
  if (end.fault == "NodeLost") {
    // Found by a command, before the watch did.
    for (const auto& node : held) {
      if (!maker_.ended({node->container}).empty()) lose_node(order.pool, node);
    }
  }
  if (task->node_lost) end = {std::nullopt, "NodeLost", "a node of the task is gone"};
  {
    const std::lock_guard lock(mutex_);
    const auto found = tasks_.find({order.job, order.task});
    if (found != tasks_.end() && found->second == task) tasks_.erase(found);
    if (stopping_) return;  // the account is told by its restart what has become of it
  }
  events_->task_ended(order, end);
}

void ContainerRunner::terminate(const std::string& job, const std::string& task) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find({job, task});
  if (found != tasks_.end()) found->second->ended_from_outside = true;
}

void ContainerRunner::release(const std::string& job, const std::vector<std::string>& nodes,
                              const json& job_body) {
  for (const auto& id : nodes) {
    spawn([this, job, id, job_body] {
      CommandEnd end{0, "", ""};
      std::string pool;
      const json body = part_at(job_body, "jobReleaseTask");
      if (auto node = find_node(id, &pool); node && !body.empty()) {
        const std::string name = text_at(body, "id", kReleaseId);
        Variables variables = variables_of_node(pool, id);
        variables.insert(variables.end(), {{"AZ_BATCH_JOB_ID", job}, {"AZ_BATCH_TASK_ID", name}});
        end = run_single_command(
            settings_, node->container, body, std::move(variables), task_directory(job, name),
            [this] { return stop_.load(); }, environment_, kMostOfARelease);
      }
      events_->released(job, id, end);
    });
  }
}

void ContainerRunner::remove_files(const std::string& job, const std::string& task,
                                   const std::vector<std::string>& nodes) {
  const std::string directory = task.empty() ? "workitems/" + job : task_directory(job, task);
  for (const auto& id : nodes) {
    auto node = find_node(id);
    if (!node) continue;
    // Out of the way at once, for a later order of that name; the rest takes its time.
    const std::string trash = "volatile/" + random_word();
    std::error_code failure;
    std::filesystem::rename(node->container.info.directory + "/" + directory,
                            node->container.info.directory + "/" + trash, failure);
    const std::string left = failure ? directory : trash;
    spawn(
        [this, node, left] { remove_task_directory(settings_.engine, node->container, left, environment_); });
  }
}

Variables ContainerRunner::variables_of_node(const std::string& pool, const std::string& node) const {
  const std::string root = kNodeRootDirectory;
  return {{"AZ_BATCH_ACCOUNT_NAME", settings_.account},
          {"AZ_BATCH_ACCOUNT_URL", settings_.account_url},
          {"AZ_BATCH_POOL_ID", pool},
          {"AZ_BATCH_NODE_ID", node},
          {"AZ_BATCH_NODE_IS_DEDICATED", "true"},
          {"AZ_BATCH_NODE_ROOT_DIR", root},
          {"AZ_BATCH_NODE_SHARED_DIR", root + "/shared"},
          {"AZ_BATCH_NODE_STARTUP_DIR", root + "/startup"},
          {"AZ_BATCH_NODE_MOUNTS_DIR", root + "/fsmounts"}};
}

}  // namespace shipyard::local
