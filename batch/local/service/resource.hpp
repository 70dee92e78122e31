#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "batch/local/service/batch_time.hpp"

namespace shipyard::local {

/// What a pool, a job and a task have in common: an id (compared without regard to case, and kept as it was
/// given), what the client gave, a state with its history, and a version (ETag).
struct Resource {
  std::string id;
  nlohmann::json body;  ///< the Add parameter, changed by later patches
  std::string state = "active";
  std::string previous_state;  ///< empty: this is the first
  Time created;
  Time modified;
  Time state_since;
  std::optional<Time> previous_since;
  std::string etag;

  /// Into another state; nothing where it is the present one.
  void enter(const std::string& next, Time now);
};

/// Versions: hexadecimal like Azure's, never the same twice, not after a restart either (they follow the
/// clock).
class Etags {
 public:
  [[nodiscard]] std::string next(Time now);

 private:
  unsigned long long last_ = 0;
};

[[nodiscard]] nlohmann::json to_json(const Resource& resource);
/// The reverse, of what to_json has made; what is missing keeps its default.
void read(const nlohmann::json& document, Resource& resource);

/// Times in documents: "" or no key stand for none.
[[nodiscard]] std::string time_or_empty(const std::optional<Time>& time);
[[nodiscard]] std::optional<Time> time_at(const nlohmann::json& document, const char* key);

/// Whether two ids, or names of headers, are the same: letters count without regard to case.
[[nodiscard]] bool is_same_id(std::string_view a, std::string_view b);

}  // namespace shipyard::local
