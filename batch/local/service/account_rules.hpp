#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "batch/local/service/fault.hpp"
#include "batch/local/service/pool_resource.hpp"
#include "batch/local/service/resource.hpp"

namespace shipyard::local {

/// What the service refuses beside what the definitions do. Nothing: it is taken.

/// 1 to 64 of letters, digits, - and _.
[[nodiscard]] std::optional<Fault> fault_of_id(const std::string& id);
/// PoolAddParameter or PoolSpecification.
[[nodiscard]] std::optional<Fault> fault_of_pool(const nlohmann::json& body);
/// JobAddParameter.
[[nodiscard]] std::optional<Fault> fault_of_job(const nlohmann::json& body);
/// A task has containerSettings exactly where its pool has containerConfiguration (TaskAddParameter). `pool`:
/// nullptr where it is not there (yet).
[[nodiscard]] std::optional<Fault> fault_of_containers(const PoolResource* pool, const nlohmann::json& task);
/// `if_match`: a version, "*", or empty.
[[nodiscard]] std::optional<Fault> fault_of_match(const Resource& resource, const std::string& if_match);

}  // namespace shipyard::local
