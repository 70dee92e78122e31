#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shipyard::local {

/// The part of OData's filters that Batch's clients use: `NAME eq VALUE` (also ne, lt, le, gt, ge) and
/// startswith(NAME,'TEXT'), joined by `and`. NAME may be a path (executionInfo/exitCode). VALUE: 'text' (a
/// quote in it is doubled), a number, true, false, null, datetime'…' or DateTime'…' (compared as text, which
/// orders times of one form). Those of `items` that it lets through; nothing where it is none of these.
[[nodiscard]] std::optional<std::vector<nlohmann::json>> filtered(std::vector<nlohmann::json> items,
                                                                  std::string_view filter);

/// An item with only the keys that `$select` names ("id,state"); all of it where that is empty.
[[nodiscard]] nlohmann::json selected(const nlohmann::json& item, std::string_view select);

}  // namespace shipyard::local
