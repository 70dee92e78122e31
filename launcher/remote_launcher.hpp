#pragma once

#include <string>

#include "base/environment.hpp"
#include "base/subprocess.hpp"

namespace shipyard::launcher {

/// `shipyard-mpirun OPTION` on a node, over ssh; the node's name is the last word but one. Its streams are
/// pipes. The program is looked for at the same path as here first: an ssh login may have another PATH.
[[nodiscard]] Command remote_launcher(const Environment& environment, const std::string& ssh_config,
                                      const std::string& node, const std::string& option);

/// The same on this node, without ssh.
[[nodiscard]] Command own_launcher(const Environment& environment, const std::string& option);

}  // namespace shipyard::launcher
