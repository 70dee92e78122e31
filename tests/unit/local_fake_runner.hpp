#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "batch/local/service/account.hpp"

namespace shipyard::local {

/// Records what an account asks for, as lines: "resize p 2", "start j/t#0 on a,b prepare a,b".
class FakeRunner final : public Runner {
 public:
  void resize_pool(const std::string& pool, int nodes, const nlohmann::json& /*body*/) override {
    orders.push_back("resize " + pool + " " + std::to_string(nodes));
  }
  void start(const TaskOrder& order) override {
    std::string line = "start " + order.job + "/" + order.task + "#" + std::to_string(order.attempt) +
                       " on " + joined(order.nodes);
    if (!order.prepare.empty()) line += " prepare " + joined(order.prepare);
    orders.push_back(line);
    started.push_back(order);
  }
  void terminate(const std::string& job, const std::string& task) override {
    orders.push_back("terminate " + job + "/" + task);
  }
  void release(const std::string& job, const std::vector<std::string>& nodes,
               const nlohmann::json& /*job_body*/) override {
    orders.push_back("release " + job + " on " + joined(nodes));
  }
  void remove_files(const std::string& job, const std::string& task,
                    const std::vector<std::string>& nodes) override {
    orders.push_back("remove " + job + "/" + task + " on " + joined(nodes));
  }

  /// The orders since the last call.
  std::vector<std::string> taken() { return std::exchange(orders, {}); }
  [[nodiscard]] const TaskOrder& last() const { return started.back(); }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
  }

  std::vector<std::string> orders;
  std::vector<TaskOrder> started;
};

/// An account with a clock that a test moves, and short words for what tests do often.
class AccountOfTest {
 public:
  Time now = std::chrono::system_clock::from_time_t(1'800'000'000);
  FakeRunner runner;
  Account account{runner, [this] { return now; }};

  /// A pool with its nodes: ID1, ID2, …
  void pool(const std::string& id, int nodes, nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json body = {
        {"id", id}, {"vmSize", "s"}, {"targetDedicatedNodes", nodes}, {"enableInterNodeCommunication", true}};
    body.update(more);
    must(account.add_pool(body));
    make_nodes(id, 1, nodes);
    account.pool_steady(id, "");
  }
  void make_nodes(const std::string& pool, int first, int last) {
    for (int i = first; i <= last; ++i) {
      const std::string number = std::to_string(i);
      account.node_made(pool, {pool + number, "10.77.0." + number, "/nowhere/" + pool + number, i - 1});
    }
  }
  void job(const std::string& id, const std::string& pool, nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json body = {{"id", id}, {"poolInfo", {{"poolId", pool}}}};
    body.update(more);
    must(account.add_job(body));
  }
  void task(const std::string& job, const std::string& id, nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json body = {{"id", id}, {"commandLine", "true"}};
    body.update(more);
    must(account.add_task(job, body));
  }
  /// Starts and ends the attempt that was ordered last.
  void run_last(int exit_code) {
    const TaskOrder order = runner.last();
    account.task_started(order);
    account.task_ended(order, {exit_code, "", ""});
  }

  nlohmann::json job_view(const std::string& job) { return must(account.get_job(job, "http://b")).body; }
  nlohmann::json task_view(const std::string& job, const std::string& task) {
    return must(account.get_task(job, task, "http://b")).body;
  }
  nlohmann::json pool_view(const std::string& pool) { return must(account.get_pool(pool, "http://b")).body; }
  std::string job_state(const std::string& job) { return job_view(job)["state"]; }
  std::string state(const std::string& job, const std::string& task) { return task_view(job, task)["state"]; }

  static Answer must(const Outcome& outcome) {
    if (const auto* fault = std::get_if<Fault>(&outcome)) throw std::runtime_error(fault->code);
    return std::get<Answer>(outcome);
  }
  /// The code of a refusal; empty where it was none.
  template <typename Some>
  static std::string code(const Some& outcome) {
    const auto* fault = std::get_if<Fault>(&outcome);
    return fault == nullptr ? "" : fault->code;
  }
};

inline nlohmann::json instances(int number) {
  return {{"multiInstanceSettings", {{"numberOfInstances", number}, {"coordinationCommandLine", "true"}}}};
}

}  // namespace shipyard::local
