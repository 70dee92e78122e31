#include "batch/local/service/account_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "batch/client/json_access.hpp"
#include "batch/client/syntax.hpp"

namespace shipyard::local {

using batch::number_at;
using batch::part_at;
using nlohmann::json;

namespace {

Fault bad_property(const std::string& name, const std::string& reason) {
  return {"InvalidPropertyValue", {{"PropertyName", name}, {"Reason", reason}}};
}

}  // namespace

std::optional<Fault> fault_of_id(const std::string& id) {
  const bool good = !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_';
  });
  if (good) return std::nullopt;
  return Fault{
      "InvalidPropertyValue",
      {{"PropertyName", "id"}, {"PropertyValue", id}, {"Reason", "1 to 64 of letters, digits, - and _"}}};
}

std::optional<Fault> fault_of_pool(const json& body) {
  const int dedicated = number_at(body, "targetDedicatedNodes");
  const int low_priority = number_at(body, "targetLowPriorityNodes");
  if (dedicated < 0 || low_priority < 0)
    return bad_property(dedicated < 0 ? "targetDedicatedNodes" : "targetLowPriorityNodes", "less than 0");
  if (number_at(body, "taskSlotsPerNode", 1) < 1) return bad_property("taskSlotsPerNode", "less than 1");
  if (dedicated > 0 && low_priority > 0 && part_at(body, "enableInterNodeCommunication") == json(true))
    return bad_property("targetLowPriorityNodes",
                        "dedicated and low priority nodes with inter-node communication");
  if (part_at(body, "enableAutoScale") == json(true))
    return Fault{
        "NotImplemented", {{"PropertyName", "enableAutoScale"}}, "Pools do not scale by a formula here."};
  return std::nullopt;
}

std::optional<Fault> fault_of_job(const json& body) {
  const json pool = part_at(body, "poolInfo");
  if (pool.contains("poolId") == pool.contains("autoPoolSpecification"))
    return bad_property("poolInfo", "exactly one of poolId and autoPoolSpecification");
  if (body.contains("jobReleaseTask") && !body.contains("jobPreparationTask"))
    return bad_property("jobReleaseTask", "a job release task without a job preparation task");
  // They name directories on the nodes.
  for (const char* key : {"jobPreparationTask", "jobReleaseTask"}) {
    if (!batch::is_id(batch::text_at(part_at(body, key), "id")))
      return bad_property(key, "id: letters, digits, '-' and '_', 64 at most");
  }
  if (!batch::is_id(batch::text_at(part_at(pool, "autoPoolSpecification"), "autoPoolIdPrefix")))
    return bad_property("autoPoolIdPrefix", "letters, digits, '-' and '_'");
  if (body.contains("jobManagerTask"))
    return Fault{
        "NotImplemented", {{"PropertyName", "jobManagerTask"}}, "Job manager tasks do not run here."};
  if (!pool.contains("autoPoolSpecification")) return std::nullopt;
  const json automatic = pool["autoPoolSpecification"];
  if (!automatic.contains("pool"))
    return Fault{"MissingRequiredProperty", {{"PropertyName", "poolInfo.autoPoolSpecification.pool"}}};
  return fault_of_pool(automatic["pool"]);
}

std::optional<Fault> fault_of_containers(const PoolResource* pool, const json& task) {
  if (pool == nullptr || pool->starts_containers() == task.contains("containerSettings")) return std::nullopt;
  return bad_property("containerSettings",
                      fmt::format("the pool that will run this task {} containerConfiguration set",
                                  pool->starts_containers() ? "has" : "does not have"));
}

std::optional<Fault> fault_of_match(const Resource& resource, const std::string& if_match) {
  if (if_match.empty() || if_match == "*" || if_match == resource.etag ||
      if_match == '"' + resource.etag + '"')
    return std::nullopt;
  return Fault{"ConditionNotMet"};
}

}  // namespace shipyard::local
