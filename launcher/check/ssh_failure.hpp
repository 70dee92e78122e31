#pragma once

#include <string>
#include <string_view>

#include "base/subprocess.hpp"

namespace shipyard::launcher::check {

/// Why a node could not be asked, as far as ssh's own words tell (OpenSSH; it has one exit status, 255, for
/// all of its failures).
struct SshFailure {
  enum class Kind {
    kNone,
    kUnreachable,       ///< refused, timed out, no route, no such name
    kNoAnswer,          ///< nothing within the limit
    kClosed,            ///< the other end hung up, or is no sshd that ssh can speak with
    kPermissionDenied,  ///< no key of ours is accepted
    kHostKey,           ///< it shows another host key than it should
    kNoLauncher,        ///< logged in, but there is no shipyard-mpirun
    kOther,             ///< logged in, and something else went wrong
    kNotAsked,          ///< this was ended before
  };
  Kind kind = Kind::kNone;
  std::string words =
      {};  ///< one line, never empty of a failure: ssh's or the node's, without control characters

  bool operator==(const SshFailure&) const = default;
};

/// The remedy where a node answers, but not as this version does.
inline constexpr const char* kSameVersion =
    "the same version of shipyard-mpirun must be installed on every node";

/// How `ssh HOST COMMAND` failed. `exit` is ssh's: the command's own, or 255. Pure.
[[nodiscard]] SshFailure ssh_failure(const Exit& exit, std::string_view errors);

/// The name by which JSON knows it: "permission_denied".
[[nodiscard]] const char* name_of(SshFailure::Kind kind);

}  // namespace shipyard::launcher::check
