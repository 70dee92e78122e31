// A Batch account on loopback whose nodes are directories and whose tasks are over at once: the real account
// and its HTTP face, with nothing run. Prints its URL; ends with SIGTERM.
//
//   instant_batch DIRECTORY [--hold] [--state FILE] [--account NAME KEY]
//
// Each task writes "hello world\n" to stdout.txt (or the value of its variable TEST_STDOUT), nothing to
// stderr.txt (or TEST_STDERR), and ends with 0 (or TEST_EXIT). With --hold, or where it has TEST_HOLD, it
// runs until it is ended. TEST_SUBTASK_EXIT: how the coordination command of the last node ends. A job's
// preparation ends with the value of TEST_PREPARATION_EXIT in the job's commonEnvironmentSettings. --state:
// read at the start, written at the end.

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include "base/file.hpp"
#include "batch/client/json_access.hpp"
#include "batch/local/service/account.hpp"
#include "batch/local/service/http_server.hpp"

namespace shipyard::local {
namespace {

namespace fs = std::filesystem;

class InstantRunner final : public Runner {
 public:
  InstantRunner(fs::path directory, bool hold) : directory_(std::move(directory)), hold_(hold) {}

  void tell(Events& events) {
    events_ = &events;
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    then([this] { ended_ = true; });
    thread_.join();
  }

  void resize_pool(const std::string& pool, int nodes, const nlohmann::json& /*body*/) override {
    then([=, this] {
      auto& present = nodes_[pool];
      for (int i = static_cast<int>(present.size()); i < nodes; ++i) {
        const std::string id = fmt::format("tvmps_{}{:04}_d", pool, i);
        const fs::path home = directory_ / id;
        fs::create_directories(home / "workitems");
        present.push_back(id);
        events_->node_made(pool, {id, fmt::format("10.77.0.{}", 4 + i), home.string(), i});
      }
      while (static_cast<int>(present.size()) > nodes) {
        const std::string id = present.back();
        present.pop_back();
        fs::remove_all(directory_ / id);
        events_->node_removed(pool, id);
      }
      events_->pool_steady(pool, "");
    });
  }

  void start(const TaskOrder& order) override {
    then([=, this] { begin(order); });
  }

  void terminate(const std::string& job, const std::string& task) override {
    then([=, this] {
      const auto held = held_.extract(job + "/" + task);
      if (!held.empty()) events_->task_ended(held.mapped(), {std::nullopt, "TaskEnded", ""});
    });
  }

  void release(const std::string& job, const std::vector<std::string>& nodes,
               const nlohmann::json& /*job_body*/) override {
    then([=, this] {
      for (const auto& node : nodes) {
        write(node, task_directory(job, kReleaseId), "stdout.txt", "released\n");
        events_->released(job, node, {0, "", ""});
      }
    });
  }

  void remove_files(const std::string& job, const std::string& task,
                    const std::vector<std::string>& nodes) override {
    then([=, this] {
      for (const auto& node : nodes)
        fs::remove_all(directory_ / node / (task.empty() ? "workitems/" + job : task_directory(job, task)));
    });
  }

 private:
  static std::string variable(const nlohmann::json& settings, std::string_view name, std::string otherwise) {
    for (const auto& setting : settings) {
      if (batch::text_at(setting, "name") == name) return batch::text_at(setting, "value");
    }
    return otherwise;
  }

  void write(const std::string& node, const std::string& directory, const std::string& name,
             const std::string& text) const {
    fs::create_directories(directory_ / node / directory / "wd");
    std::ofstream(directory_ / node / directory / name) << text;
  }

  void begin(const TaskOrder& order) {
    const auto settings = batch::part_at(order.task_body, "environmentSettings");
    const int prepared = std::stoi(
        variable(batch::part_at(order.job_body, "commonEnvironmentSettings"), "TEST_PREPARATION_EXIT", "0"));
    for (const auto& node : order.prepare) {
      write(node, task_directory(order.job, kPreparationId), "stderr.txt",
            prepared == 0 ? "" : "no such image\n");
      events_->prepared(order.job, node, {prepared, "", ""});
    }
    if (prepared != 0 && !order.prepare.empty())
      return events_->task_ended(order, {std::nullopt, "JobPreparationTaskFailed", ""});
    const int last = static_cast<int>(order.nodes.size()) - 1;
    const int coordination = std::stoi(variable(settings, "TEST_SUBTASK_EXIT", "0"));
    const std::string home = task_directory(order.job, order.task);
    // Before anything is told: who sees the task run finds its files.
    if (coordination == 0) {
      write(order.nodes[0], home, "stdout.txt", variable(settings, "TEST_STDOUT", "hello world\n"));
      write(order.nodes[0], home, "stderr.txt", variable(settings, "TEST_STDERR", ""));
      write(order.nodes[0], home, "wd/result.txt", "42\n");
    }
    for (int i = 1; i <= last; ++i) {
      for (const char* name : {"stdout.txt", "stderr.txt"})
        write(order.nodes[i], task_directory(order.job, order.task, i), name,
              fmt::format("coordination {}\n", i));
    }
    for (int i = 0; i <= last && order.task_body.contains("multiInstanceSettings"); ++i) {
      events_->subtask_started(order, i);
      events_->subtask_ended(order, i, {i == last ? coordination : 0, "", ""});
    }
    if (coordination != 0)
      return events_->task_ended(order, {std::nullopt, "CoordinationCommandFailed", "of a subtask"});
    events_->task_started(order);
    if (hold_ || !variable(settings, "TEST_HOLD", "").empty()) {
      held_.emplace(order.job + "/" + order.task, order);
      return;
    }
    events_->task_ended(order, {std::stoi(variable(settings, "TEST_EXIT", "0")), "", ""});
  }

  void then(std::function<void()> what) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(what));
    arrived_.notify_one();
  }

  void run() {
    while (!ended_) {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return !queue_.empty(); });
      const auto what = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      what();
    }
  }

  fs::path directory_;
  bool hold_;
  Events* events_ = nullptr;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> queue_;
  bool ended_ = false;
  std::map<std::string, std::vector<std::string>> nodes_;
  std::map<std::string, TaskOrder> held_;
  std::thread thread_;
};

int run_main(const std::vector<std::string>& arguments) {
  fs::path directory;
  bool hold = false;
  std::string state;
  Credentials credentials{kWellKnownAccount, Secret(kWellKnownKey)};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--hold") {
      hold = true;
    } else if (arguments[i] == "--state") {
      state = arguments.at(++i);
    } else if (arguments[i] == "--account") {
      credentials.account = arguments.at(++i);
      credentials.key = Secret(arguments.at(++i));
    } else {
      directory = arguments[i];
    }
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  InstantRunner runner(directory, hold);
  Account account(runner);
  if (fs::exists(state)) account.from_json(nlohmann::json::parse(read_file(state).value()));
  runner.tell(account);
  account.restarted();
  const Routes routes(account, credentials);
  auto server =
      HttpServer::start("127.0.0.1", 0, [&](const HttpRequest& request) { return routes.answer(request); });
  if (!server) {
    std::cerr << server.error().message << "\n";
    return 1;
  }
  std::cout << server.value()->url() << std::endl;
  const timespec pause{0, 100'000'000};
  while (sigtimedwait(&ends, nullptr, &pause) < 0) account.tick();
  server.value()->stop();
  if (!state.empty() && !write_file_atomically(state, account.to_json().dump(), 0600)) return 1;
  runner.stop();
  return 0;
}

}  // namespace
}  // namespace shipyard::local

int main(int argc, char** argv) { return shipyard::local::run_main({argv + 1, argv + argc}); }
