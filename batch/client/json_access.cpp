#include "batch/client/json_access.hpp"

#include <limits>

namespace shipyard::batch {

using nlohmann::json;

std::string text_at(const json& object, const char* key, std::string otherwise) {
  if (!object.is_object()) return otherwise;
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::move(otherwise);
}

std::vector<std::string> texts_at(const json& object, const char* key) {
  std::vector<std::string> texts;
  for (const auto& item : part_at(object, key)) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

int number_at(const json& object, const char* key, int otherwise) {
  if (!object.is_object()) return otherwise;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return otherwise;
  const auto number = found->get<std::int64_t>();
  return number >= std::numeric_limits<int>::min() && number <= std::numeric_limits<int>::max()
             ? static_cast<int>(number)
             : otherwise;
}

json part_at(const json& object, const char* key) {
  if (!object.is_object()) return json::object();
  const auto found = object.find(key);
  return found != object.end() ? *found : json::object();
}

}  // namespace shipyard::batch
