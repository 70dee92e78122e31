#include "batch/local/service/resource.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "batch/client/json_access.hpp"

namespace shipyard::local {

using batch::text_at;
using nlohmann::json;

void Resource::enter(const std::string& next, Time now) {
  if (next == state) return;
  previous_state = state;
  state = next;
  previous_since = state_since;
  state_since = now;
}

std::string Etags::next(Time now) {
  // Ticks of 100 ns since the year 1, as .NET counts and Azure shows them.
  constexpr unsigned long long kTicksTo1970 = 621'355'968'000'000'000ULL;
  const auto ticks =
      kTicksTo1970 +
      10ULL * static_cast<unsigned long long>(
                  std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
  last_ = std::max(last_ + 1, ticks);
  return fmt::format("0x{:X}", last_);
}

std::string time_or_empty(const std::optional<Time>& time) { return time ? batch_time(*time) : ""; }

std::optional<Time> time_at(const json& document, const char* key) {
  return parse_batch_time(text_at(document, key));
}

json to_json(const Resource& resource) {
  return {{"id", resource.id},
          {"body", resource.body},
          {"state", resource.state},
          {"previousState", resource.previous_state},
          {"created", batch_time(resource.created)},
          {"modified", batch_time(resource.modified)},
          {"stateSince", batch_time(resource.state_since)},
          {"previousSince", time_or_empty(resource.previous_since)},
          {"etag", resource.etag}};
}

void read(const json& document, Resource& resource) {
  resource.id = text_at(document, "id");
  resource.body = batch::part_at(document, "body");
  resource.state = text_at(document, "state", resource.state);
  resource.previous_state = text_at(document, "previousState");
  resource.created = time_at(document, "created").value_or(Time{});
  resource.modified = time_at(document, "modified").value_or(resource.created);
  resource.state_since = time_at(document, "stateSince").value_or(resource.created);
  resource.previous_since = time_at(document, "previousSince");
  resource.etag = text_at(document, "etag");
}

bool is_same_id(std::string_view a, std::string_view b) { return equals_ignoring_case(a, b); }

}  // namespace shipyard::local
