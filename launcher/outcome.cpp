#include "launcher/outcome.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

#include "base/signals.hpp"
#include "launcher/exit_status.hpp"
#include "launcher/mpi/diagnosis.hpp"

namespace shipyard::launcher {
namespace {

using supervise::Ended;
using supervise::JobResult;
using supervise::RankRecord;

/// The record that the predicate accepts and whose end was heard of first.
template <typename Predicate>
const RankRecord* first_to_end(const JobResult& result, Predicate accept) {
  const RankRecord* first = nullptr;
  for (const auto& record : result.ranks) {
    if (accept(record) && (first == nullptr || record.order < first->order)) first = &record;
  }
  return first;
}

std::string where(const RankRecord& record) { return fmt::format("rank {} on {}", record.rank, record.host); }

/// How mpirun ends the other ranks once one has failed.
bool killed_by_mpirun(const RankRecord& record) {
  return record.exit && record.exit->signalled &&
         (record.exit->value == SIGTERM || record.exit->value == SIGKILL);
}

/// How MPI ends a rank that finds its peer gone (MPI_ERR_UNKNOWN, "Socket closed"): it fails of something
/// else, of which its own end may even be heard first.
bool found_peer_gone(const RankRecord& record, mpi::Dialect dialect) {
  constexpr int kUnknownError = 14;
  return dialect == mpi::Dialect::kOpenMpi5 && record.exit && *record.exit == Exit{false, kUnknownError};
}

/// The rank that was lost, or that failed by itself, before any other.
const RankRecord* first_in_trouble(const JobResult& result, mpi::Dialect dialect) {
  return first_to_end(result, [&](const RankRecord& record) {
    return record.order > 0 && (record.lost || (record.failed() && !killed_by_mpirun(record) &&
                                                !found_peer_gone(record, dialect)));
  });
}

/// The rank whose failure ended the job: the one that mpirun means where it gives its status, else the first.
const RankRecord* culprit(const JobResult& result, mpi::Dialect dialect) {
  const auto* first_failure = first_to_end(result, [](const RankRecord& r) { return r.failed(); });
  const bool any_lost =
      std::any_of(result.ranks.begin(), result.ranks.end(), [](const RankRecord& r) { return r.lost; });
  const auto by_itself = [&](const RankRecord& record) {
    if (!record.failed() || !killed_by_mpirun(record)) return record.failed();
    // mpirun sends SIGTERM first; one that gets SIGKILL before any other has failed was out of memory.
    return &record == first_failure && record.exit->value == SIGKILL && !any_lost;
  };
  const auto is_cause = [&](const RankRecord& r) { return by_itself(r) && !found_peer_gone(r, dialect); };
  const int status = result.mpirun.status();
  if (const auto* record = first_to_end(
          result, [&](const RankRecord& r) { return is_cause(r) && r.exit->status() == status; }))
    return record;
  if (const auto* record = first_to_end(result, is_cause)) return record;
  return first_to_end(result, by_itself);
}

Outcome not_started(const RankRecord& record, const std::string& program, const std::string& directory) {
  const std::string why = std::generic_category().message(record.start_error);
  if (record.missing == "directory") {
    return {"config_error", kConfigError,
            fmt::format("{} cannot enter the working directory {}: {}", where(record), directory, why),
            "--wdir DIR names one that every node has"};
  }
  if (record.missing == "layout") {
    return {"config_error", kConfigError,
            fmt::format("{} cannot use its part of the layout: {}", where(record), record.problem),
            "the same version of shipyard-mpirun must be installed on every node"};
  }
  if (record.start_error == ENOENT) {
    return {"config_error", kNotFound, fmt::format("{}: not found by {}", program, where(record)),
            "the program must be in the image, or at the same path on every node"};
  }
  return {"config_error",
          kNotExecutable,
          fmt::format("{}: {} cannot execute it: {}", program, where(record), why),
          {}};
}

Outcome failed(const RankRecord& record, const std::string& program) {
  return {"app_failed",
          record.exit->status(),
          fmt::format("{}: {} ended with {}", program, where(record), describe(*record.exit)),
          {}};
}

/// Some ranks have started, and others never did.
Outcome launch_cut_short(const JobResult& result, const JobFacts& facts, const mpi::Diagnosis& said) {
  if (!said.ssh_refusal.empty()) {
    return {"launch_failed", kLaunchFailed, "ssh cannot log in: " + said.ssh_refusal,
            "all nodes of a job need the same key: shipyard-mpirun --check shows which one has another"};
  }
  return {"launch_failed",
          kLaunchFailed,
          fmt::format("mpirun ended with {} after {} of {} ranks had started; what it said is above",
                      describe(result.mpirun), result.ranks.size(), facts.ranks),
          {},
          true};
}

/// A node, or MPI's daemon there. mpirun itself does not say which, and the words of those that follow are
/// many.
std::optional<Outcome> lost_daemon(const JobFacts& facts, const mpi::Diagnosis& said) {
  if (!facts.lost_node.empty()) {
    return Outcome{"node_lost",
                   kNodeLost,
                   fmt::format("node {} was lost while the job ran, or MPI's daemon there", facts.lost_node),
                   {}};
  }
  if (!said.lost_daemon) return std::nullopt;
  return Outcome{"node_lost",
                 kNodeLost,
                 "a node was lost while the job ran, or MPI's daemon there: what mpirun said is above",
                 {},
                 true};
}

/// Where Hydra differs from Open MPI. Its own status is a bitwise or of all ranks' (3 and 8 are 11), the bare
/// number of a signal, or 255 for whatever else; and it ends the other ranks with SIGKILL for shipyard-rank
/// as well, so that a rank which could say how it ended did so by itself. After MPI_Abort no rank says
/// anything.
std::optional<Outcome> classify_hydra(const JobResult& result, const JobFacts& facts) {
  const auto of_program = [](const RankRecord& record) { return record.failed() && record.start_error == 0; };
  // Ended by shipyard-ssh, whose ssh has failed; its 0 then is as good as any.
  if (result.ranks.empty() && facts.ranks > 0 && result.mpirun.success()) {
    return Outcome{"launch_failed",
                   kLaunchFailed,
                   "mpirun ended with exit status 0 before any rank had started; what it said is above",
                   {},
                   true};
  }
  const bool all_started = std::none_of(result.ranks.begin(), result.ranks.end(),
                                        [](const auto& r) { return r.start_error != 0; });
  if (!all_started) return std::nullopt;
  const bool loss = std::any_of(result.ranks.begin(), result.ranks.end(),
                                [](const RankRecord& record) { return record.lost; });
  const mpi::Diagnosis said = mpi::diagnose(result.mpirun_words);
  if (const auto* record = first_to_end(result, of_program)) {
    // shipyard-ssh ends mpirun when it loses a node or cannot reach one, and mpirun hands the signal on.
    const bool handed_on = record->exit->signalled && record->exit->value == SIGTERM;
    if (handed_on && static_cast<int>(result.ranks.size()) < facts.ranks)
      return launch_cut_short(result, facts, said);
    const bool after_loss = std::any_of(result.ranks.begin(), result.ranks.end(), [&](const RankRecord& r) {
      return r.lost && r.order > 0 && r.order < record->order;
    });
    if (handed_on || after_loss) {
      if (auto lost = lost_daemon(facts, said)) return lost;
    }
    if (handed_on && loss) return std::nullopt;
    return failed(*record, facts.program);
  }
  const bool all_cut_off = static_cast<int>(result.ranks.size()) == facts.ranks && facts.ranks > 0 &&
                           std::all_of(result.ranks.begin(), result.ranks.end(),
                                       [](const RankRecord& record) { return record.lost; });
  if (!all_cut_off || result.mpirun.signalled) return std::nullopt;
  if (auto lost = lost_daemon(facts, said)) return lost;
  const int status = result.mpirun.status();
  return Outcome{"app_failed",
                 status == 0 ? 1 : status,
                 fmt::format("{}: the job was aborted with status {}", facts.program, status),
                 {}};
}

/// mpirun was slow to end, and the job was ended for the ranks that it had killed already: what came first, a
/// rank's own end or a loss, is the cause.
std::optional<Outcome> first_failure_of_hydra(const JobResult& result, const JobFacts& facts) {
  if (std::any_of(result.ranks.begin(), result.ranks.end(), [](const RankRecord& r) { return r.silent; }))
    return std::nullopt;
  const auto* first =
      first_to_end(result, [](const RankRecord& r) { return r.order > 0 && (r.lost || r.failed()); });
  const bool by_itself = first != nullptr && first->exit && first->start_error == 0 &&
                         !(first->exit->signalled && first->exit->value == SIGTERM);
  return by_itself ? std::optional(failed(*first, facts.program)) : std::nullopt;
}

/// "15 s", "500 ms".
std::string text_of(std::chrono::milliseconds time) {
  if (time.count() % 1000 == 0) return fmt::format("{} s", time.count() / 1000);
  return fmt::format("{} ms", time.count());
}

/// Each name once, in the order in which they come.
void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::string nodes_text(const std::vector<std::string>& names) {
  return fmt::format("node{} {}", names.size() == 1 ? "" : "s", list_of(names));
}

/// The nodes of the plan from which no rank was heard.
std::vector<std::string> unheard_nodes(const JobResult& result, const JobFacts& facts) {
  std::vector<std::string> names;
  int first = 0;
  for (const auto& [name, ranks] : facts.nodes) {
    const int end = first + ranks;
    const bool all_heard = std::count_if(result.ranks.begin(), result.ranks.end(), [&](const RankRecord& r) {
                             return r.rank >= first && r.rank < end;
                           }) == ranks;
    if (!all_heard) add_once(names, name);
    first = end;
  }
  return names;
}

/// Of two ranks that never said how they ended, whether the first is where it began: mpirun, and then the
/// launcher, kill the others for it, and shipyard-rank with them where it is slow.
bool lost_before(const RankRecord& one, const RankRecord& other) {
  if (one.lost != other.lost) return one.lost;
  return one.order < other.order;
}

Outcome lost(const JobResult& result, const JobFacts& facts) {
  std::vector<std::string> silent;
  const RankRecord* first = nullptr;
  int ended = 0;
  for (const auto& record : result.ranks) {
    if (record.ended()) {
      ++ended;
    } else {
      if (first == nullptr || lost_before(record, *first)) first = &record;
      if (record.silent) add_once(silent, record.host);
    }
  }
  if (!silent.empty()) {
    return {"node_lost", kNodeLost,
            fmt::format("{} {} lost while the job ran: no sign of life for {}", nodes_text(silent),
                        silent.size() == 1 ? "was" : "were", text_of(facts.node_timeout)),
            "frozen, cut off from the network, or gone; --node-timeout says how long to wait for it"};
  }
  if (first == nullptr) {
    return {"node_lost",
            kNodeLost,
            fmt::format("{} of {} ranks never said how they ended", facts.ranks - ended, facts.ranks),
            {},
            true};
  }
  // The node that says so is there.
  if (first->on_this_node && !first->lost)
    return {"node_lost", kNodeLost, fmt::format("{} never said how it ended", where(*first)), {}, true};
  if (first->on_this_node) {
    return {
        "node_lost", kNodeLost,
        fmt::format("{} never said how it ended: it was killed, and shipyard-rank beside it", where(*first)),
        "out of memory on this node?"};
  }
  return {"node_lost",
          kNodeLost,
          fmt::format("node {} was lost while the job ran: rank {} never said how it ended", first->host,
                      first->rank),
          {}};
}

Outcome launch_timed_out(const JobResult& result, const JobFacts& facts) {
  const auto missing = unheard_nodes(result, facts);
  std::string message = fmt::format("{} of {} ranks had started after {}", result.ranks.size(), facts.ranks,
                                    text_of(facts.launch_timeout));
  if (!missing.empty()) message += ": none or not all on " + nodes_text(missing);
  return {"launch_failed", kLaunchFailed, message, "--launch-timeout allows more time", true};
}

/// However they ended after the signal: a program that writes its checkpoint and exits with 0 looks like one
/// that was done.
Outcome preempted(const JobResult& result, const JobFacts& facts) {
  const auto& notice = *result.preemption;
  const std::string signal = signal_name(facts.preempt_signal);
  const auto count = [&](auto accept) {
    return std::count_if(result.ranks.begin(), result.ranks.end(), accept);
  };
  const auto by_themselves = count([](const RankRecord& r) { return r.exit && !r.exit->signalled; });
  const auto died = count([&](const RankRecord& r) {
    return r.exit && r.exit->signalled && r.exit->value == facts.preempt_signal;
  });
  // SIGTERM may be mpirun's as well.
  const bool uncaught = died > 0 && (facts.preempt_signal != SIGTERM ||
                                     (result.ended == Ended::kByItself && by_themselves == 0));
  return {
      "preempted", kPreempted,
      fmt::format("node {} is about to be preempted by Azure ({}, in {} s): the ranks were sent {}; {} of {} "
                  "ended by themselves",
                  notice.host, notice.type, notice.left.count(), signal, by_themselves, facts.ranks),
      uncaught
          ? fmt::format("the program must catch {}, or it dies of it before it has written anything", signal)
          : "worth another try; SHIPYARD_ATTEMPT, where you set it, tells the ranks which one it is"};
}

/// mpirun's own status, where it has not been ended by us; else `otherwise`. Never 0.
int failure_status(const JobResult& result, int otherwise) {
  const int status = result.ended == Ended::kByItself ? result.mpirun.status() : otherwise & 0xFF;
  return status != 0 ? status : 1;
}

Outcome aborted(const mpi::Diagnosis::Abort& abort, const JobResult& result, const JobFacts& facts) {
  const auto record = std::find_if(result.ranks.begin(), result.ranks.end(),
                                   [&](const RankRecord& r) { return r.rank == abort.rank; });
  const std::string who = !abort.whole_job || record == result.ranks.end()
                              ? fmt::format("rank {} of a communicator", abort.rank)
                              : where(*record);
  return {"app_failed",
          failure_status(result, abort.code),
          fmt::format("{}: {} called MPI_Abort({})", facts.program, who, abort.code),
          {}};
}

Outcome improper(int rank, const JobResult& result, const JobFacts& facts) {
  const auto record = std::find_if(result.ranks.begin(), result.ranks.end(),
                                   [&](const RankRecord& r) { return r.rank == rank; });
  const std::string who = record == result.ranks.end() ? fmt::format("rank {}", rank) : where(*record);
  return {"app_failed", failure_status(result, 1),
          fmt::format("{}: {} ended without MPI_Finalize, or without MPI_Init while others called it",
                      facts.program, who),
          "every rank calls both, or none; exit() without MPI_Finalize in one of them ends the job"};
}

Outcome missed(const JobResult& result, const JobFacts& facts) {
  const auto* record = first_to_end(result, [](const RankRecord& r) { return r.absent; });
  return {"app_failed", 1,
          fmt::format("{}: {} ended without MPI_Init, while others wait for it in theirs", facts.program,
                      record == nullptr ? "a rank" : where(*record)),
          "every rank calls MPI_Init, or none"};
}

bool all_succeeded(const JobResult& result, const JobFacts& facts) {
  return result.mpirun.success() && static_cast<int>(result.ranks.size()) == facts.ranks &&
         std::all_of(result.ranks.begin(), result.ranks.end(),
                     [](const RankRecord& r) { return r.exit && r.exit->success(); });
}

/// The ranks end where the launcher gives no sign of life, as where a node gives none.
Outcome paused(const JobResult& result, const JobFacts& facts) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(result.paused).count();
  return {"node_lost", kNodeLost,
          fmt::format("shipyard-mpirun was stopped for {} s while the job ran: the ranks ended when they had "
                      "heard nothing for {}",
                      seconds, text_of(facts.node_timeout)),
          "was this node suspended, or the process stopped? --node-timeout allows more"};
}

Outcome mpirun_killed(const JobResult& result) {
  return {"terminated", result.mpirun.status(),
          fmt::format("mpirun itself was ended by {}: the job was ended with it", describe(result.mpirun)),
          result.mpirun.value == SIGKILL ? "it was not ended by shipyard-mpirun: out of memory on this node?"
                                         : ""};
}

/// mpirun has ended with a failure, and no rank that has failed by itself explains it.
Outcome ended_by_mpirun(const JobResult& result, const JobFacts& facts, const mpi::Diagnosis& said) {
  const int status = result.mpirun.status();
  const bool cut_short = static_cast<int>(result.ranks.size()) < facts.ranks;
  if (cut_short && !said.ssh_refusal.empty()) return launch_cut_short(result, facts, said);
  if (!said.unreachable_launcher.empty())
    return {"launch_failed", kLaunchFailed, said.unreachable_launcher,
            "does a firewall between the nodes let TCP through?"};
  if (result.ranks.empty()) {
    return {
        "launch_failed",
        kLaunchFailed,
        fmt::format("mpirun could not start the job ({}); what it said is above", describe(result.mpirun)),
        {},
        true};
  }
  // All ranks were ended from outside: by MPI_Abort, whose status mpirun hands on, or by a killer.
  const bool loss =
      std::any_of(result.ranks.begin(), result.ranks.end(), [](const RankRecord& r) { return r.lost; });
  if (loss && (status < kSignalBase || status >= 200)) return lost(result, facts);
  if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.failed(); })) {
    if (status == record->exit->status()) return failed(*record, facts.program);
    return {"app_failed",
            status,
            fmt::format("{}: the job was aborted with status {}; what mpirun said is above", facts.program,
                        status),
            {},
            true};
  }
  if (cut_short) return launch_cut_short(result, facts, said);
  return {"app_failed",
          status,
          fmt::format("mpirun ended with {}; what it said is above", describe(result.mpirun)),
          {},
          true};
}

}  // namespace

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  if (names.empty()) return {};
  std::string text = names[0];
  const std::size_t shown = std::min(names.size(), kMost);
  for (std::size_t i = 1; i < shown; ++i) text += (i + 1 == names.size() ? " and " : ", ") + names[i];
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

Outcome lost_nodes(const std::vector<std::string>& names) {
  return {"node_lost",
          kNodeLost,
          fmt::format("{} {} lost while the job ran: nothing answers there any more", nodes_text(names),
                      names.size() == 1 ? "was" : "were"),
          {}};
}

Outcome classify(const JobResult& result, const JobFacts& facts) {
  if (mpi::is_hydra(facts.dialect) && result.ended == Ended::kByItself && !result.signal &&
      !result.preemption) {
    if (auto outcome = classify_hydra(result, facts)) return *outcome;
  }
  if (mpi::is_hydra(facts.dialect) && result.ended == Ended::kForLoss && !result.signal &&
      !result.preemption) {
    if (auto outcome = first_failure_of_hydra(result, facts)) return *outcome;
  }
  // Whatever else has happened by then: who sent the signal wants to see that it had its effect.
  if (result.signal) {
    const std::string why = result.lifeline_ended ? "standard input ended (SHIPYARD_LIFELINE)"
                                                  : fmt::format("{} received", signal_name(*result.signal));
    return {"terminated", kSignalBase + *result.signal, why + ": the job was ended", {}};
  }
  if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.start_error != 0; })) {
    return not_started(*record, facts.program, facts.directory);
  }
  if (result.preemption) return preempted(result, facts);
  if (result.paused.count() > 0 && (result.ended == Ended::kByItself || result.ended == Ended::kForLoss) &&
      !all_succeeded(result, facts))
    return paused(result, facts);
  const RankRecord* first = first_in_trouble(result, facts.dialect);
  const bool lost_first = first != nullptr && first->lost;
  // Silence is noticed late: a rank that failed meanwhile may have done so because of it.
  const bool any_silent =
      std::any_of(result.ranks.begin(), result.ranks.end(), [](const RankRecord& r) { return r.silent; });
  if (result.ended == Ended::kForLoss && (lost_first || any_silent || first == nullptr))
    return lost(result, facts);
  if (result.ended == Ended::kTimeLimit) {
    return {"timed_out",
            kTimedOut,
            fmt::format("the job was ended after {}, the time that --timeout allows", text_of(facts.timeout)),
            {}};
  }
  if (result.ended == Ended::kMissedInit) return missed(result, facts);
  if (result.ended == Ended::kForFailure) {
    if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.failed(); }))
      return failed(*record, facts.program);
  }
  const mpi::Diagnosis said = mpi::diagnose(result.mpirun_words);
  if (result.ended == Ended::kLaunchTimeout) return launch_timed_out(result, facts);

  if (result.ended == Ended::kByItself && result.mpirun.signalled && !result.ranks.empty())
    return mpirun_killed(result);
  if (said.abort) return aborted(*said.abort, result, facts);
  if (lost_first || any_silent) return lost(result, facts);
  // What other ranks then end with follows from it.
  if (said.improper_rank) return improper(*said.improper_rank, result, facts);
  const auto heard = std::count_if(result.ranks.begin(), result.ranks.end(),
                                   [](const RankRecord& record) { return record.ended(); });
  if (const auto* record = culprit(result, facts.dialect)) {
    // mpirun has noticed the loss of a node before we did.
    if (found_peer_gone(*record, facts.dialect) && heard < facts.ranks) return lost(result, facts);
    return failed(*record, facts.program);
  }

  // Then mpirun's own status was of our making: the ranks had all ended by themselves.
  const bool by_itself = result.ended != Ended::kHungAtItsEnd;
  if (by_itself && !result.mpirun.success()) return ended_by_mpirun(result, facts, said);
  if (heard != facts.ranks) return lost(result, facts);
  if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.failed(); })) {
    return failed(*record, facts.program);
  }
  return {"completed", kSuccess, {}, {}};
}

}  // namespace shipyard::launcher
