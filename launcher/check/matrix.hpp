#pragma once

#include <string>

#include "launcher/check/node_check.hpp"
#include "launcher/topology_map.hpp"

namespace shipyard::launcher::check {

/// The nodes as the rows of a table with what was found out about them; what differs or would make a job fail
/// has a mark (and a colour where there are some); the findings with their remedies; and a line that names
/// the odd nodes. Columns that do not fit beside the others go into a second table below. Many nodes that are
/// alike share a row, named after the first of them: "10.0.0.4 +56". No line is longer than the style's
/// columns unless a single word is. Pure.
[[nodiscard]] std::string matrix(const NodeCheck& check, const MapStyle& style);

}  // namespace shipyard::launcher::check
