#pragma once

#include <nlohmann/json.hpp>

#include "batch/client/shipyard_config_storage.hpp"

namespace shipyard::batch {

/// Where the tasks of a job run.
struct ConvertedPool {
  nlohmann::ordered_json pool;                                        ///< key `pool` of a job file
  nlohmann::ordered_json raw_job = nlohmann::ordered_json::object();  ///< what it adds to `raw.job`
  bool is_new = false;                                                ///< made with the job (`auto_pool`)
  bool native = false;
};

/// pool.yaml's pool by its id; the whole specification where `job` has `auto_pool`. Without mounts: those
/// come with the volumes of the tasks.
ConvertedPool convert_pool(const ConfigFiles& files, const ConfigValue& job);

/// pool.yaml's `vm_count`, "dedicated" or "low_priority"; none where it does not say.
std::optional<long long> pool_vm_count(const ConfigFiles& files, const char* kind);

}  // namespace shipyard::batch
