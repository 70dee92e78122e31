#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "launcher/check/node_check.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"
#include "launcher/preflight/account.hpp"
#include "launcher/stage/stage.hpp"
#include "launcher/supervise/rank_monitor.hpp"

namespace shipyard::launcher {

/// How long each step took; nullopt: it was not come to.
struct StepTimes {
  using Duration = std::optional<std::chrono::microseconds>;

  Duration read = {};     ///< options and environment
  Duration resolve = {};  ///< hosts, MPI, topology, addresses
  Duration plan = {};
  Duration gate = {};     ///< waiting for the nodes
  Duration prepare = {};  ///< run directory and files
  Duration stage = {};    ///< with --stage
  Duration run = {};      ///< from mpirun's start to the end of all ranks
  Duration clear = {};    ///< after a failure: clearing away what was left
  Duration collect = {};  ///< with --collect
  Duration total = {};
};

/// What --report FILE tells. A job that ended early has only the first of these filled, but an outcome
/// always.
struct JobReport {
  std::vector<std::string> hosts = {};    ///< of the job, also those without ranks
  std::vector<std::string> command = {};  ///< LaunchPlan::command
  std::vector<NodePlan> nodes = {};       ///< LaunchPlan::nodes
  std::vector<mpi::Reason> reasons = {};
  std::vector<std::string> warnings = {};
  std::vector<supervise::RankRecord> ranks = {};               ///< by rank, JobResult::ranks
  std::optional<check::NodeCheck> check = {};                  ///< with --check or --preflight
  std::optional<preflight::Account> preflight = {};            ///< with --preflight
  std::optional<supervise::PreemptionNotice> preemption = {};  ///< Launched::preemption
  std::vector<stage::StageAccount> staged = {};
  std::optional<stage::CollectAccount> collected = {};
  Outcome outcome = {};
  std::string mpirun_words = {};  ///< Launched::words
  StepTimes times = {};
};

/// JSON, for machines; the shape:
///   version, hosts [..], command [..],
///   layout [{host, ranks, threads, cpuset [one a rank]}],
///   ranks [{rank, host, cpuset or null, end, status, …}]: all of the plan and any that were heard of beyond,
///     once one was heard of. end: "exited" (status), "signalled" (signal, status), "not_started" (missing,
///     error), "lost", or "unknown". Where they say something: problem, and stands_for (docs of RankRecord),
///   binding {as_planned, different, unreported},
///   check {nodes, findings, interrupted} (check_as_json): with --check or --preflight,
///   preflight: null, or {nodes [all that took part], seconds, verdict, latency_ns, bandwidth_MB_per_s,
///     left_out [{host, reason, latency_ns, bandwidth_MB_per_s}],
///     slow_links [{from, to, latency_ns, bandwidth_MB_per_s}]}. verdict: "fine", "slow", or "none" where
///     fewer than three nodes were measured. Figures are medians, of all links or of the node's, null where
///     nothing was measured,
///   preemption: null, or {host, type, seconds, event, description} of the node for which the ranks were sent
///     the signal of --on-preempt,
///   stage [{directory, target, files, bytes, seconds, nodes [{host, what}]}]. what: "shared", "present",
///     "received", or "beside" where another node received it on a file system of both,
///   collect: null, or {directory, seconds, brought [..], nothing [..], shared [..], failed [..]} of nodes,
///   outcome {name, status, message, hint},
///   mpirun_words: what mpirun itself wrote to standard error,
///   times_ms {read, resolve, …}: the steps that were come to,
///   reasons [..], warnings [..]
/// Pure.
[[nodiscard]] std::string report_as_json(const JobReport& report);

}  // namespace shipyard::launcher
