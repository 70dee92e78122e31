#pragma once

#include <iosfwd>
#include <optional>

#include "base/environment.hpp"
#include "base/terminal.hpp"
#include "launcher/check/node_check.hpp"
#include "launcher/options.hpp"
#include "launcher/outcome.hpp"
#include "launcher/plan.hpp"
#include "launcher/preflight/account.hpp"

namespace shipyard::launcher::preflight {

/// What a preflight came to. Everything has been said to the user but the refusal.
struct Preflight {
  std::optional<Account> account = {};  ///< nullopt: it was ended before the nodes were asked
  std::optional<check::NodeCheck> check = {};
  std::optional<Outcome> refusal = {};  ///< the program is not to be started
};

/// Waits for the nodes' sshd (--wait), then asks every node what the job needs of it, then runs allpairs on
/// those that are fit, both within options.preflight; a signal ends it. `plan`: the user's job. Where --nodes
/// asks for fewer nodes than there are, all take part.
Preflight run_preflight(const LaunchOptions& options, const LaunchContext& context, const LaunchPlan& plan,
                        const Environment& environment, const Messages& messages, std::ostream& progress);

/// How allpairs is run for that, at most for `limit`: a rank on each node, over the user's network and by the
/// user's mpirun. Pure.
[[nodiscard]] LaunchOptions allpairs_options(const LaunchOptions& user, std::chrono::milliseconds limit);

/// For each node of `nodes`, so that asking all of them takes half of `limit` at most. Pure.
[[nodiscard]] std::chrono::milliseconds check_limit(std::size_t nodes, std::chrono::milliseconds limit);

}  // namespace shipyard::launcher::preflight
