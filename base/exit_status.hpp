#pragma once

namespace shipyard {

/// Of a program that starts another, as env(1), timeout(1), docker(1) and a shell (POSIX, 2.8.2) have them.
inline constexpr int kOwnFailure = 125;
inline constexpr int kProgramNotExecutable = 126;
inline constexpr int kProgramNotFound = 127;

}  // namespace shipyard
