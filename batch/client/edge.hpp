#pragma once

#include <iosfwd>

#include "base/environment.hpp"
#include "base/exit_status.hpp"
#include "base/interruption.hpp"
#include "base/terminal.hpp"
#include "batch/client/job_file.hpp"
#include "batch/client/options.hpp"
#include "batch/client/service.hpp"

namespace shipyard::batch {

/// What every command needs. The referenced objects must outlive it.
struct Edge {
  const Request& request;
  const JobFile* job;  ///< of the commands that take a job file; of others nullptr
  const Environment& environment;
  const Messages& messages;
  Interruption& interruption;
  Service& service;
  std::ostream& out;
  std::ostream& err;

  int fail(const Error& error) const {
    messages.error(error);
    return kOwnFailure;
  }
};

}  // namespace shipyard::batch
