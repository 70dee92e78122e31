#pragma once

#include <string>

#include "base/environment.hpp"
#include "batch/client/job_file.hpp"
#include "batch/client/options.hpp"

namespace shipyard::batch {

/// The job file of the command line, with what the command line says in place of it.
Result<JobFile> load_job(const Request& request, const Environment& environment);

}  // namespace shipyard::batch
