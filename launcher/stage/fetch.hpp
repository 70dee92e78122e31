#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"
#include "launcher/stage/protocol.hpp"

namespace shipyard::launcher::stage {

/// Results from one node.
struct Fetch {
  std::string node;
  Command command;        ///< runs the node's side there; its streams are set here
  Request request;        ///< kCollect
  std::string directory;  ///< gets a directory with the node's name
  mode_t mode = 0755;     ///< of that
};

/// How often `cancelled` is asked.
inline constexpr std::chrono::milliseconds kGlance{100};

struct FetchControl {
  std::function<bool()> cancelled;  ///< asked each kGlance
  /// Without a byte from the node, or with none that is taken here, it is given up.
  std::chrono::seconds silence{60};
  std::function<void()> stuck = [] {
  };  ///< told where none is taken: what is on that file system is left there
};

/// How many have come (Answer::matches); fails where not all have, and then nothing is kept, but
/// where it could not be removed, which the error says.
Result<std::uint64_t> fetch(const Fetch& wish, const Environment& environment, const FetchControl& control);

/// Where it was cancelled.
[[nodiscard]] Error ended_before();

}  // namespace shipyard::launcher::stage
