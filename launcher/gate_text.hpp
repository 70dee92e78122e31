#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "launcher/network/gate.hpp"
#include "launcher/outcome.hpp"

namespace shipyard::launcher {

/// One line for a terminal while the nodes are waited for, shorter than `columns`: how many are ready, the
/// seconds left, and who is missing as far as there is room.
[[nodiscard]] std::string gate_progress_text(const network::GateProgress& progress, int columns);

/// That nodes are not ready: which, what each answered last, and what helps. Up to ten nodes stand on lines
/// of their own, more are gathered by what they answered. `report.failures` is not empty.
[[nodiscard]] Outcome gate_failure(const network::GateReport& report, std::uint16_t port,
                                   std::chrono::milliseconds wait);

}  // namespace shipyard::launcher
