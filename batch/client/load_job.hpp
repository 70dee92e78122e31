#pragma once

#include <string>

#include "base/environment.hpp"
#include "batch/client/job_file.hpp"
#include "batch/client/options.hpp"
#include "batch/client/shipyard_config.hpp"

namespace shipyard::batch {

/// Batch Shipyard's files in a directory, converted: jobs.yaml, pool.yaml, config.yaml, credentials.yaml.
/// That others can read the last one is refused, as for every file with a secret.
Result<Conversion> load_shipyard_config(const std::string& directory);

/// The job file of the command line, or the job of --shipyard-config (--job says which, of several), with
/// what the command line says in place of it.
Result<JobFile> load_job(const Request& request, const Environment& environment,
                         std::vector<std::string>* not_carried = nullptr);

}  // namespace shipyard::batch
