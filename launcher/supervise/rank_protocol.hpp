#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace shipyard::supervise {

/// What the program beside every rank (shipyard-rank) and the launcher tell each other over TCP, a line each.
/// From the rank's node:
///   RANK token rank host     once, first; the launcher drops a connection with another token
///   UNBOUND why              it could not be bound as planned
///   BOUND cpus [planned]     what it runs on ("0-5,8-13"), whoever bound it; the planned CPUs that these
///                            stand for on a node whose CPUs have other numbers
///   BEAT                     the node is alive, a few times within the time that LIVE names
///   JOINED                   some rank of the node has called MPI_Init
///   ABSENT                   before EXIT 0: the rank has not, though nothing else is wrong with it
///   PREEMPT seconds type event [description]
///                            the node will be taken away, in so many seconds at the earliest; what the cloud
///                            calls that
///   UNWATCHED why            asked to watch for that, it cannot
///   EXIT status              the rank called exit(status)
///   SIGNAL number            the rank was killed by a signal
///   FAIL errno what          the rank could not be started; what: "program", "directory" or
///                            "layout" (after UNBOUND, which says why)
/// From the launcher, in answer to RANK:
///   LIVE milliseconds        who is silent for so long is taken for lost, by either side
///   BEAT                     the launcher is alive
///   SIGNAL number            to be sent to the rank
/// The end of the connection says the rest: towards the launcher, before a last line, that the rank is lost;
/// towards the node, that the launcher is gone and the rank must end. A connection that is open and silent
/// means the same: a machine that is frozen keeps its connections, and its kernel even answers keepalives.
///
/// What a rank writes to its standard error comes by a connection of its own, so that it does not mix with
/// what mpirun has to say: the line "STDERR token rank", and then the bytes as they are.
struct RankMessage {
  enum class Kind {
    kRank,
    kUnbound,
    kBound,
    kBeat,
    kJoined,
    kAbsent,
    kExit,
    kSignal,
    kFail,
    kStderr,
    kPreempt,
    kUnwatched
  };

  Kind kind = Kind::kRank;
  int number = 0;  ///< rank, status, signal, errno or seconds
  std::string token = {};
  std::string text = {};     ///< host, what could not be had, why, CPUs, or a description
  std::string planned = {};  ///< with kBound
  std::string type = {};     ///< with kPreempt: "Preempt", "Reboot", …
  std::string event = {};    ///< with kPreempt: the event's name

  bool operator==(const RankMessage&) const = default;
};

/// No notice is longer: from then on a rank's word is no preemption.
inline constexpr int kLongestNoticeSeconds = 3600;
/// Of a free text; more is cut off by format_message, and what is not printable ASCII becomes "?".
inline constexpr std::size_t kLongestText = 300;

/// With the line's end.
[[nodiscard]] std::string format_message(const RankMessage& message);
/// Without the line's end; nullopt for anything else than the above, and for a line that is not printable
/// ASCII.
[[nodiscard]] std::optional<RankMessage> parse_message(std::string_view line);

/// What the launcher says.
struct LauncherMessage {
  enum class Kind { kLive, kBeat, kSignal };

  Kind kind = Kind::kBeat;
  int number = 0;  ///< milliseconds or signal

  bool operator==(const LauncherMessage&) const = default;
};

/// In the same way.
[[nodiscard]] std::string format_message(const LauncherMessage& message);
[[nodiscard]] std::optional<LauncherMessage> parse_launcher_message(std::string_view line);

/// How often each side gives a sign of life: several may be late before the other side gives up.
[[nodiscard]] constexpr std::chrono::milliseconds beat_interval(std::chrono::milliseconds limit) {
  return std::max(limit / 5, std::chrono::milliseconds(1));
}

/// Environment variables by which mpirun hands the launcher's address ("10.0.0.4:40123", "[fe80::1]:40123")
/// and the job's token to the ranks.
inline constexpr const char* kReportVariable = "SHIPYARD_REPORT_TO";
inline constexpr const char* kTokenVariable = "SHIPYARD_JOB_TOKEN";
/// The job's mark, in the environment of everything that it runs on any node: what the reaper goes by. No
/// secret.
inline constexpr const char* kJobVariable = "SHIPYARD_JOB";

}  // namespace shipyard::supervise
