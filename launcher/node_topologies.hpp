#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/options.hpp"
#include "launcher/plan.hpp"

namespace shipyard::launcher {

/// Nodes with hardware of their own kind, by the word that their sshd's banner ends in.
struct UnlikeNodes {
  std::string signature;
  std::vector<std::size_t> hosts;  ///< indexes in LaunchContext::hosts
};

/// The word in a banner by which a node's entrypoint says what hardware it has (topology::signature); empty
/// where there is none: another image's sshd.
[[nodiscard]] std::string_view signature_in(std::string_view banner);

/// Those of `hosts` whose signature is known and not `own`, in the order of their first one. `banners`: one
/// for each of `hosts`. Pure.
[[nodiscard]] std::vector<UnlikeNodes> find_unlike_nodes(const std::string& own,
                                                         const std::vector<std::size_t>& hosts,
                                                         const std::vector<std::string>& banners);

/// The context with the topologies of `unlike` nodes, each asked from its first node over ssh, all at once.
/// One that cannot be had is said in `warnings`; its nodes are planned like this one.
struct FetchedTopologies {
  LaunchContext context;
  std::vector<std::string> notes;  ///< for the user: nodes with another number of cores
  std::vector<std::string> warnings;
};
[[nodiscard]] FetchedTopologies fetch_topologies(LaunchContext context, const LaunchOptions& options,
                                                 const std::vector<UnlikeNodes>& unlike,
                                                 const std::string& ssh_config);

}  // namespace shipyard::launcher
