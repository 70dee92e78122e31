#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "batch/client/shipyard_config_reader.hpp"

namespace shipyard::batch {

/// The roots of the four files; those that were not given are empty.
struct ConfigFiles {
  ConfigValue jobs;
  ConfigValue pool;
  ConfigValue config;
  ConfigValue credentials;
};

/// A storage account that the configuration names by a link.
struct StorageAccount {
  std::string name;
  std::string endpoint;
  ConfigValue key;  ///< never read; empty where there is none
};

/// The account behind `link`, a `storage_account_settings`. None, with a line at the link, where
/// credentials.yaml does not have it.
std::optional<StorageAccount> storage_account(const ConfigFiles& files, const ConfigValue& link,
                                              const std::string& what_is_lost);

/// The environment variable from which shipyard-submit shall take a secret: PREFIX, and `name` in capitals.
[[nodiscard]] std::string secret_variable(const std::string& prefix, const std::string& name);

/// The volumes that a job's or a task's lists name, as what `container` takes.
struct Volumes {
  nlohmann::ordered_json mounts = nlohmann::ordered_json::array();   ///< container.mounts
  nlohmann::ordered_json options = nlohmann::ordered_json::array();  ///< container.options
};

/// `pool_mounts`: what the nodes of a pool that is made have to mount, which is added to; nullptr for a pool
/// that exists, whose mounts Batch Shipyard has made.
Volumes convert_volumes(const ConfigFiles& files, const ConfigValue& job_or_task,
                        nlohmann::ordered_json* pool_mounts);

/// A task's `input_data` as resource files, beside those in `resource_files`.
void convert_input_data(const ConfigFiles& files, const ConfigValue& task,
                        nlohmann::ordered_json& resource_files);

/// A task's `output_data` as output files.
nlohmann::ordered_json convert_output_data(const ConfigFiles& files, const ConfigValue& task);

}  // namespace shipyard::batch
