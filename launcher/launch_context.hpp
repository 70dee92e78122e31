#pragma once

#include "base/result.hpp"
#include "launcher/options.hpp"
#include "launcher/plan.hpp"

namespace shipyard::launcher {

/// A failure before the plan, with the exit status that says what kind it is.
struct Refusal {
  Error error;
  int status;
};

/// Looks at what the plan needs to know: host list, interfaces, topology, mpirun, program. Writes nothing.
std::variant<LaunchContext, Refusal> gather_context(const LaunchOptions& options,
                                                    const Environment& environment);

/// For another job with the same of everything: a mark and a run directory of its own.
[[nodiscard]] LaunchContext for_another_job(LaunchContext context, const Environment& environment);

/// As things are before --stage has brought anything: a program or a working directory that comes by it is
/// not asked for, and ranks that start before that run in "/".
[[nodiscard]] LaunchContext before_staging(LaunchContext context);

}  // namespace shipyard::launcher
