#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shipyard::batch {

/// A key that Batch Shipyard knows (its schemas, 3.9 and before).
struct ShipyardKey {
  std::string pattern;  ///< "job_specifications[].tasks[].command"; `*` stands for a name of the user's
  std::string reason;   ///< why a job file does not take it, where it does not
  bool is_special;      ///< the reason is its own; that of a mapping holds for all in it
};

/// `parent`: a pattern, or "". None: Batch Shipyard has no such key there.
///
/// This table gives the words alone. That nothing is lost does not depend on it: ConfigReader reports what
/// was not read, whether it stands here or not.
[[nodiscard]] std::optional<ShipyardKey> find_shipyard_key(const std::string& parent, std::string_view key);

[[nodiscard]] std::vector<std::string> shipyard_keys_below(const std::string& parent);

}  // namespace shipyard::batch
