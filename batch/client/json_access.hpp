#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace shipyard::batch {

/// What stands at a key of a JSON object; `otherwise` where there is none, something of another kind, or no
/// object at all. Batch leaves out what is empty, and what it sends is not to be relied on.

[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* key, std::string otherwise = {});
[[nodiscard]] std::vector<std::string> texts_at(const nlohmann::json& object, const char* key);
[[nodiscard]] int number_at(const nlohmann::json& object, const char* key, int otherwise = 0);
/// An empty object where there is nothing.
[[nodiscard]] nlohmann::json part_at(const nlohmann::json& object, const char* key);

}  // namespace shipyard::batch
