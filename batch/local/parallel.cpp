#include "batch/local/parallel.hpp"

#include <algorithm>
#include <csignal>

namespace shipyard::local {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The engine does the work; more clients at once only queue up there.
constexpr std::size_t kParallel = 16;
constexpr milliseconds kWindDown{10'000};

struct Running {
  std::size_t index;
  Child child;
  Clock::time_point deadline;
};

std::vector<JobOutcome> run_all(const std::vector<Job>& jobs, const Environment& environment,
                                Interruption& interruption, bool interruptible,
                                const std::function<void(std::size_t)>& progress) {
  std::vector<JobOutcome> outcomes(jobs.size());
  std::vector<bool> over(jobs.size(), false);
  std::vector<Running> running;
  std::size_t finished = 0;
  bool failed = false;
  const int before = interruption.count();
  auto signals = [&] { return interruptible ? interruption.count() - before : 0; };
  std::optional<Clock::time_point> wind_down;

  auto ready = [&](std::size_t index) {
    return !outcomes[index].started && !over[index] &&
           std::all_of(jobs[index].after.begin(), jobs[index].after.end(),
                       [&](std::size_t other) { return over[other] && outcomes[other].success(); });
  };
  while (true) {
    const bool stopping = failed || signals() > 0;
    for (std::size_t i = 0; !stopping && !failed && i < jobs.size() && running.size() < kParallel; ++i) {
      if (!ready(i)) continue;
      Command command;
      command.argv = jobs[i].argv;
      command.environment = environment.as_strings();
      command.standard_output = Command::Stream::kPipe;
      command.standard_error = Command::Stream::kPipe;
      command.own_process_group = true;
      auto child = Child::start(command);
      if (!child) {
        outcomes[i].error = child.error();
        over[i] = true;
        failed = true;
        break;
      }
      outcomes[i].started = true;
      running.push_back({i, std::move(*child), Clock::now() + jobs[i].limit});
    }
    if (running.empty()) return outcomes;

    auto now = Clock::now();
    if (stopping && !wind_down) wind_down = now + kWindDown;
    auto next = wind_down.value_or(Clock::time_point::max());
    std::vector<int> pipes;
    for (auto& job : running) {
      next = std::min(next, job.deadline);
      for (auto* pipe : {&job.child.stdout_pipe(), &job.child.stderr_pipe()}) {
        if (*pipe) pipes.push_back(pipe->get());
      }
    }
    interruption.wait(std::chrono::ceil<milliseconds>(next - now), pipes);

    now = Clock::now();
    const bool hurry = signals() > 1 || (wind_down && now >= *wind_down);
    for (auto job = running.begin(); job != running.end();) {
      auto& outcome = outcomes[job->index];
      // A grandchild may hold the pipes open for ever, so the child's own end counts.
      const auto exit = job->child.try_wait();
      read_available(job->child.stdout_pipe(), outcome.completed.output);
      read_available(job->child.stderr_pipe(), outcome.completed.errors);
      const bool enough = hurry || (signals() > 0 && jobs[job->index].may_be_killed);
      if (!exit && now < job->deadline && !enough) {
        ++job;
        continue;
      }
      outcome.timed_out = !exit;
      if (!exit) job->child.signal(SIGKILL);
      outcome.completed.exit = job->child.wait();
      over[job->index] = true;
      failed = failed || !outcome.success();
      job = running.erase(job);
      if (progress) progress(++finished);
    }
  }
}

}  // namespace

std::vector<JobOutcome> run_jobs(const std::vector<Job>& jobs, const Environment& environment,
                                 Interruption& interruption,
                                 const std::function<void(std::size_t)>& progress) {
  return run_all(jobs, environment, interruption, true, progress);
}

JobOutcome run_to_the_end(const Job& job, const Environment& environment, Interruption& interruption) {
  return run_all({job}, environment, interruption, false, {})[0];
}

}  // namespace shipyard::local
