#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/subprocess.hpp"
#include "launcher/stage/protocol.hpp"

namespace shipyard::launcher::stage {

/// What is to be asked of a node.
struct Call {
  std::string node;  ///< its name, for messages
  Command command;   ///< runs the node's side there; its streams are set here
  Request request;
  std::string_view data = {};  ///< goes behind the request, before any stream; outlives the call
};

/// What has come of a call.
struct Reply {
  enum class State {
    kUnreached,      ///< ssh has failed, or the node: another attempt may do
    kNoSuchProgram,  ///< there is no ssh here, or no shipyard-mpirun there that answers as this one does
    kRefused,        ///< the node has answered with a problem
    kSourceSilent,   ///< nothing came from the source: that is the cause
    kStopped,        ///< another one had failed before: that is the cause
    kDone,
  };
  State state = State::kUnreached;
  Answer answer = {};
  std::string problem = {};  ///< why it was not done
  std::string remedy = {};
};

/// What all are sent behind the request.
struct Source {
  int stream = -1;  ///< -1: nothing
  /// Asked at its end, now and then: whether it was whole; nullopt: not known yet. Then kWholeMark follows,
  /// and else all are stopped.
  std::function<std::optional<bool>()> is_whole = [] { return std::optional(true); };
};

struct ConversationControl {
  std::vector<int> cancel_fds = {};              ///< when one can be read, `cancelled` is asked
  std::function<bool()> cancelled = {};          ///< true: end it all
  std::function<void(std::uint64_t)> sent = {};  ///< so many bytes of the stream have gone to all
  /// Without a byte taken or given, a node is given up, and the source with all nodes; longer where it has
  /// got all of a stream and has to put that in its place.
  std::chrono::seconds silence{60};
  std::chrono::seconds last_answer{600};
};

/// All calls at once. The source is read once; the slowest sets the pace. Where one fails while it is sent
/// to, the rest get no more, and so keep nothing of it. A reply for each call; fewer where it was cancelled.
std::vector<Reply> converse(const std::vector<Call>& calls, const Source& source,
                            const ConversationControl& control);

}  // namespace shipyard::launcher::stage
