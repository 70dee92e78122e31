#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "batch/client/document.hpp"

namespace shipyard::batch {

/// The files of Azure Batch Shipyard (its schemas of version 3.9, and what older ones had). Only `jobs` is
/// needed.
struct ShipyardConfig {
  std::optional<Source> jobs;
  std::optional<Source> pool;
  std::optional<Source> config;
  std::optional<Source> credentials;
};

struct ConvertedJob {
  std::string name;                 ///< the job's id
  nlohmann::ordered_json job_file;  ///< in the keys of job_file_fields(): read_job_file takes it
};

struct Conversion {
  std::vector<ConvertedJob> jobs;
  /// One line each, `FILE:LINE: KEY: …`, in the order of the files: what is not carried over and why, and
  /// what is left for the user to do. Every key of the files is carried or stands here, or one around it
  /// does.
  std::vector<std::string> not_carried;
};

/// Job files that do what Batch Shipyard does with these. No secret of them is in the result or in an error.
/// Fails on what Batch Shipyard would not take either, on a number of nodes that cannot be told without
/// pool.yaml, and where no task is left that can be converted.
Result<Conversion> convert_shipyard_config(const ShipyardConfig& config);

/// The job file as YAML, with `not_carried` in a comment at its top. read_job_file reads the same from it.
[[nodiscard]] std::string job_file_text(const ConvertedJob& job, const std::vector<std::string>& not_carried);

}  // namespace shipyard::batch
