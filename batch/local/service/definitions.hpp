#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace shipyard::local {

/// The shapes of the bodies that this service takes, out of Azure's published definitions (BatchService.json
/// of 2024-02-01.19.0 and 2022-10-01.16.0 together, and containerHostBatchBindMounts of 2024-07-01.20.0).
/// Azure refuses a key that it does not know; so a misspelled one is found here, before it costs a node.

/// What is wrong with `body` as the definition `name` (JobAddParameter, …): JSON path and words, sorted;
/// empty where it fits. `name` must be one of the table's.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> faults_of_body(const nlohmann::json& body,
                                                                              const std::string& name);

/// The table itself: names of definitions to keys to kinds. A key that ends in "!" is required. A kind is
/// "string", "boolean", "int32", "int64", "duration", "object" (anything), "map" (of strings), the values of
/// an enumeration joined by "|" ("a|b"), the name of a definition, or a list with the kind of its items.
[[nodiscard]] const nlohmann::json& definitions_table();

}  // namespace shipyard::local
