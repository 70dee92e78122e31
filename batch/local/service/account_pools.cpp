#include <algorithm>

#include "batch/client/json_access.hpp"
#include "batch/local/service/account.hpp"
#include "batch/local/service/account_rules.hpp"
#include "batch/local/service/views.hpp"

namespace shipyard::local {

using batch::number_at;
using batch::part_at;
using batch::text_at;
using nlohmann::json;

namespace {

Revision revision_of(const PoolResource& pool) { return {pool_path(pool), pool.etag, pool.modified}; }

}  // namespace

void Account::order_nodes(PoolResource& pool, int count, const std::string& allocation_state) {
  pool.enter_allocation(allocation_state, clock_());
  pool.resize_error.clear();
  touch(pool);
  ++resizes_[pool.id];
  runner_.resize_pool(pool.id, count, pool.body);
}

void Account::begin_deletion(PoolResource& pool) {
  pool.enter("deleting", clock_());
  std::vector<std::string> nodes;
  for (auto& node : pool.nodes) {
    node.leaving = true;
    nodes.push_back(node.info.id);
  }
  // "Any Tasks running on existing Compute Nodes are terminated and requeued" (Delete Pool).
  take_from_nodes(pool, nodes, std::nullopt);
  order_nodes(pool, 0, "resizing");
}

void Account::take_from_nodes(const PoolResource& pool, const std::vector<std::string>& nodes,
                              const std::optional<CommandEnd>& why) {
  for (auto& job : jobs_) {
    for (auto& task : job->tasks) {
      const bool is_there = task.is_on_nodes() && is_same_id(task.pool, pool.id) &&
                            std::any_of(task.nodes.begin(), task.nodes.end(), [&](const std::string& node) {
                              return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
                            });
      if (!is_there) continue;
      if (why) {
        end_task(*job, task, *why);
      } else {
        requeue_task(*job, task);
      }
    }
  }
}

void Account::forget_node(PoolResource& pool, const std::string& id) {
  take_from_nodes(pool, {id}, std::nullopt);
  std::erase_if(pool.nodes, [&](const NodeResource& node) { return node.info.id == id; });
  for (auto& job : jobs_) {
    if (is_same_id(job->pool, pool.id)) job->forget_node(id);
  }
  touch(pool);
}

Outcome Account::add_pool(const json& body) {
  const std::lock_guard lock(mutex_);
  const std::string id = text_at(body, "id");
  if (auto fault = fault_of_id(id)) return *fault;
  if (auto fault = fault_of_pool(body)) return *fault;
  if (const PoolResource* present = find_pool(id))
    return Fault{present->state == "deleting" ? "PoolBeingDeleted" : "PoolExists"};
  PoolResource& pool = *pools_.emplace_back(std::make_unique<PoolResource>(new_pool(id, body, clock_())));
  touch(pool);
  if (pool.target() > 0) order_nodes(pool, pool.target(), "resizing");
  Answer answer{201, nullptr, revision_of(pool), true};
  advance();
  return answer;
}

Outcome Account::get_pool(const std::string& id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  const PoolResource* pool = find_pool(id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  return Answer{200, pool_view(*pool, base), revision_of(*pool)};
}

Listing Account::list_pools(const std::string& base) {
  const std::lock_guard lock(mutex_);
  std::vector<json> views;
  for (const auto& pool : pools_) views.push_back(pool_view(*pool, base));
  return views;
}

Outcome Account::patch_pool(const std::string& id, const json& body, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  if (pool->state == "deleting") return Fault{"PoolBeingDeleted"};
  if (auto fault = fault_of_match(*pool, if_match)) return *fault;
  pool->body.update(body);
  touch(*pool);
  advance();
  return Answer{200, nullptr, revision_of(*pool)};
}

Outcome Account::delete_pool(const std::string& id, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  if (pool->state == "deleting") return Fault{"PoolBeingDeleted"};
  if (auto fault = fault_of_match(*pool, if_match)) return *fault;
  begin_deletion(*pool);
  advance();
  return Answer{202};
}

Outcome Account::resize_pool(const std::string& id, const json& body, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  if (pool->state == "deleting") return Fault{"PoolBeingDeleted"};
  if (pool->allocation_state != "steady") return Fault{"PoolBeingResized"};
  if (auto fault = fault_of_match(*pool, if_match)) return *fault;
  json wish = {
      {"targetDedicatedNodes", number_at(body, "targetDedicatedNodes", pool->dedicated_target())},
      {"targetLowPriorityNodes", number_at(body, "targetLowPriorityNodes", pool->low_priority_target())}};
  json next = pool->body;
  next.update(wish);
  if (auto fault = fault_of_pool(next)) return *fault;
  const std::string how = text_at(body, "nodeDeallocationOption", "requeue");
  if (how != "requeue" && how != "terminate")
    return Fault{
        "NotImplemented", {{"nodeDeallocationOption", how}}, "Nodes go at once here: requeue or terminate."};
  pool->body = std::move(next);
  take_beyond_target(*pool, how == "terminate"
                                ? std::optional<CommandEnd>(
                                      {std::nullopt, "TaskEnded", "A node of the task was taken away."})
                                : std::nullopt);
  order_nodes(*pool, pool->target(), "resizing");
  Answer answer{202, nullptr, revision_of(*pool)};
  advance();
  return answer;
}

Outcome Account::stop_resize(const std::string& id, const std::string& if_match) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  if (pool->state == "deleting") return Fault{"PoolBeingDeleted"};
  if (pool->allocation_state != "resizing") return Fault{"OperationInvalidForCurrentState"};
  if (auto fault = fault_of_match(*pool, if_match)) return *fault;
  const auto dedicated = std::count_if(pool->nodes.begin(), pool->nodes.end(),
                                       [](const NodeResource& node) { return node.dedicated; });
  pool->body["targetDedicatedNodes"] = dedicated;
  pool->body["targetLowPriorityNodes"] = static_cast<long>(pool->nodes.size()) - dedicated;
  take_beyond_target(*pool, std::nullopt);
  order_nodes(*pool, pool->target(), "stopping");
  advance();
  return Answer{202, nullptr, revision_of(*pool)};
}

void Account::take_beyond_target(PoolResource& pool, const std::optional<CommandEnd>& why) {
  std::vector<std::string> leaving;
  for (auto& node : pool.nodes) {
    if (node.info.number < pool.target()) continue;
    node.leaving = true;
    leaving.push_back(node.info.id);
  }
  take_from_nodes(pool, leaving, why);
}

Listing Account::list_nodes(const std::string& id, const std::string& base) {
  const std::lock_guard lock(mutex_);
  const PoolResource* pool = find_pool(id);
  if (pool == nullptr) return Fault{"PoolNotFound"};
  std::map<std::string, int> tasks;
  for (const auto& taken : taken_) {
    if (!is_same_id(taken.order.pool, id)) continue;
    for (const auto& node : taken.order.nodes) ++tasks[node];
  }
  auto slots = slots_taken(*pool);
  std::vector<json> views;
  for (const auto& node : pool->nodes)
    views.push_back(node_view(*pool, node, tasks[node.info.id], slots[node.info.id], base));
  return views;
}

Outcome Account::get_node(const std::string& pool, const std::string& id, const std::string& base) {
  auto nodes = list_nodes(pool, base);
  if (const auto* fault = std::get_if<Fault>(&nodes)) return *fault;
  for (auto& view : std::get<std::vector<json>>(nodes)) {
    if (is_same_id(text_at(view, "id"), id)) return Answer{200, std::move(view)};
  }
  return Fault{"NodeNotFound"};
}

void Account::node_made(const std::string& id, const NodeInfo& info) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr) return;
  const Time now = clock_();
  if (NodeResource* known = pool->node(info.id)) {
    known->info = info;
  } else {
    const auto dedicated = std::count_if(pool->nodes.begin(), pool->nodes.end(),
                                         [](const NodeResource& node) { return node.dedicated; });
    NodeResource node;
    node.info = info;
    node.made = node.state_since = now;
    node.dedicated = dedicated < pool->dedicated_target() || pool->low_priority_target() == 0;
    node.leaving = pool->state == "deleting";
    const auto place = std::find_if(pool->nodes.begin(), pool->nodes.end(), [&](const NodeResource& other) {
      return other.info.number > info.number;
    });
    pool->nodes.insert(place, std::move(node));
  }
  touch(*pool);
  advance();
}

void Account::node_lost(const std::string& id, const std::string& node, const std::string& why) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr || pool->node(node) == nullptr) return;
  forget_node(*pool, node);
  // "Batch attempts to replace lost capacity", as it says of preempted nodes.
  if (pool->state == "active" && resizes_[pool->id] == 0) order_nodes(*pool, pool->target(), "resizing");
  if (!why.empty()) pool->resize_error = "node " + node + " is gone: " + why;
  advance();
}

void Account::node_removed(const std::string& id, const std::string& node) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr || pool->node(node) == nullptr) return;
  forget_node(*pool, node);
  advance();
}

void Account::pool_steady(const std::string& id, const std::string& resize_error) {
  const std::lock_guard lock(mutex_);
  PoolResource* pool = find_pool(id);
  if (pool == nullptr) return;
  int& orders = resizes_[pool->id];
  orders = std::max(0, orders - 1);
  if (orders > 0) return;
  if (pool->state == "deleting") {
    resizes_.erase(pool->id);
    std::erase_if(pools_, [&](const auto& other) { return other.get() == pool; });
  } else {
    pool->resize_error = resize_error;
    pool->enter_allocation("steady", clock_());
    touch(*pool);
  }
  advance();
}

}  // namespace shipyard::local
