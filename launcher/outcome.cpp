#include "launcher/outcome.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

#include "base/signals.hpp"
#include "launcher/exit_status.hpp"

namespace shipyard::launcher {
namespace {

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

/// Where Hydra differs from Open MPI. Its own status is a bitwise or of all ranks' (3 and 8 are 11), the bare
/// number of a signal, or 255 for whatever else; and it ends the other ranks with SIGKILL for shipyard-rank
/// as well, so that a rank which could say how it ended did so by itself. After MPI_Abort no rank says
/// anything.
std::optional<Outcome> classify_hydra(const JobResult& result, int expected_ranks,
                                      const std::string& program) {
  const auto of_program = [](const RankRecord& record) { return record.failed() && record.start_error == 0; };
  const bool all_started = std::none_of(result.ranks.begin(), result.ranks.end(),
                                        [](const auto& r) { return r.start_error != 0; });
  if (!all_started) return std::nullopt;
  const bool loss = std::any_of(result.ranks.begin(), result.ranks.end(),
                                [](const RankRecord& record) { return record.lost; });
  if (const auto* record = first_to_end(result, of_program)) {
    // shipyard-ssh ends mpirun when it loses a node, and mpirun hands the signal on.
    if (loss && record->exit->signalled && record->exit->value == SIGTERM) return std::nullopt;
    return failed(*record, program);
  }
  const bool all_cut_off = static_cast<int>(result.ranks.size()) == expected_ranks && expected_ranks > 0 &&
                           std::all_of(result.ranks.begin(), result.ranks.end(),
                                       [](const RankRecord& record) { return record.lost; });
  if (!all_cut_off || result.mpirun.signalled) return std::nullopt;
  const int status = result.mpirun.status();
  if (status == 255) {  // MPI_Abort(-1), too
    return Outcome{"app_failed",
                   status,
                   fmt::format("{}: the job was aborted with status 255, or a node was lost: what mpirun "
                               "said is above",
                               program),
                   {}};
  }
  return Outcome{"app_failed",
                 status == 0 ? 1 : status,
                 fmt::format("{}: the job was aborted with status {}", program, status),
                 {}};
}

Outcome lost(const JobResult& result, int expected_ranks) {
  const RankRecord* first = nullptr;
  int ended = 0;
  for (const auto& record : result.ranks) {
    if (record.ended()) ++ended;
    if (!record.ended() && first == nullptr) first = &record;
  }
  if (first == nullptr) {
    return {"node_lost",
            kNodeLost,
            fmt::format("{} of {} ranks never said how they ended", expected_ranks - ended, expected_ranks),
            {}};
  }
  return {"node_lost",
          kNodeLost,
          fmt::format("node {} was lost while the job ran: rank {} never said how it ended", first->host,
                      first->rank),
          {}};
}

}  // namespace

Outcome classify(const JobResult& result, int expected_ranks, const std::string& program,
                 const std::string& directory, mpi::Dialect dialect) {
  if (dialect == mpi::Dialect::kHydra && !result.signal && !result.ended_for_loss) {
    if (auto outcome = classify_hydra(result, expected_ranks, program)) return *outcome;
  }
  const auto expected = static_cast<std::size_t>(expected_ranks);
  const auto heard = static_cast<std::size_t>(std::count_if(
      result.ranks.begin(), result.ranks.end(), [](const RankRecord& record) { return record.ended(); }));
  if (result.signal) {
    const std::string why = result.lifeline_ended ? "standard input ended (SHIPYARD_LIFELINE)"
                                                  : fmt::format("{} received", signal_name(*result.signal));
    return {"terminated", kSignalBase + *result.signal, why + ": the job was ended", {}};
  }
  if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.start_error != 0; })) {
    return not_started(*record, program, directory);
  }
  if (result.ended_for_loss) return lost(result, expected_ranks);

  // The rank that mpirun means where it gives its status, else the first that failed by itself.
  const int status = result.mpirun.status();
  const RankRecord* culprit = first_to_end(result, [&](const RankRecord& r) {
    return r.failed() && r.exit->status() == status && !killed_by_mpirun(r);
  });
  if (culprit == nullptr) {
    culprit = first_to_end(result, [](const RankRecord& r) { return r.failed() && !killed_by_mpirun(r); });
  }
  if (culprit != nullptr) {
    return failed(*culprit, program);
  }
  const bool all_heard = heard == expected;
  if (result.mpirun.success()) {
    if (!all_heard) return lost(result, expected_ranks);
    if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.failed(); })) {
      return failed(*record, program);
    }
    return {"completed", kSuccess, {}, {}};
  }
  if (result.ranks.empty()) {
    return {
        "launch_failed",
        kLaunchFailed,
        fmt::format("mpirun could not start the job ({}); what it said is above", describe(result.mpirun)),
        {}};
  }
  // All ranks were ended from outside: by MPI_Abort, whose status mpirun hands on, or by a killer.
  const bool loss =
      std::any_of(result.ranks.begin(), result.ranks.end(), [](const RankRecord& r) { return r.lost; });
  if (loss && (status < kSignalBase || status >= 200)) return lost(result, expected_ranks);
  if (const auto* record = first_to_end(result, [](const RankRecord& r) { return r.failed(); })) {
    if (result.mpirun.signalled || status == record->exit->status()) {
      return failed(*record, program);
    }
    return {"app_failed", status, fmt::format("{}: the job was aborted with status {}", program, status), {}};
  }
  if (result.ranks.size() < expected) {
    return {"launch_failed",
            kLaunchFailed,
            fmt::format("mpirun ended with {} after {} of {} ranks had started; what it said is above",
                        describe(result.mpirun), result.ranks.size(), expected_ranks),
            {}};
  }
  return {"app_failed",
          status,
          fmt::format("mpirun ended with {}; what it said is above", describe(result.mpirun)),
          {}};
}

}  // namespace shipyard::launcher
