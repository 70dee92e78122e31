#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shipyard::supervise {

/// What the program beside every rank (shipyard-rank) tells the launcher over TCP, a line each:
///   RANK token rank host     once, first; the launcher drops a connection with another token
///   UNBOUND why              it could not be bound as planned
///   BOUND cpus [planned]     what it runs on ("0-5,8-13"), whoever bound it; the planned CPUs that these
///                            stand for on a node whose CPUs have other numbers
///   EXIT status              the rank called exit(status)
///   SIGNAL number            the rank was killed by a signal
///   FAIL errno what          the rank could not be started; what: "program", "directory" or
///                            "layout" (after UNBOUND, which says why)
/// The launcher says nothing. The end of the connection says it all: towards the launcher, before a last
/// line, that the rank is lost; towards the node, that the launcher is gone and the rank must end.
struct RankMessage {
  enum class Kind { kRank, kUnbound, kBound, kExit, kSignal, kFail };

  Kind kind = Kind::kRank;
  int number = 0;  ///< rank, status, signal or errno
  std::string token = {};
  std::string text = {};     ///< host, what could not be had, why, or CPUs
  std::string planned = {};  ///< with kBound

  bool operator==(const RankMessage&) const = default;
};

/// With the line's end. A reason is put on one line.
[[nodiscard]] std::string format_message(const RankMessage& message);
/// Without the line's end; nullopt for anything else than the above, and for a line with control characters.
[[nodiscard]] std::optional<RankMessage> parse_message(std::string_view line);

/// Environment variables by which mpirun hands the launcher's address ("10.0.0.4:40123", "[fe80::1]:40123")
/// and the job's token to the ranks.
inline constexpr const char* kReportVariable = "SHIPYARD_REPORT_TO";
inline constexpr const char* kTokenVariable = "SHIPYARD_JOB_TOKEN";

}  // namespace shipyard::supervise
