#pragma once

#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace shipyard::batch {

/// A new ed25519 key for a job, as SHIPYARD_SSH_KEY has it (base64 of OpenSSH's file): by ssh-keygen, in a
/// directory of its own that nobody else can enter and that is gone afterwards.
Result<Secret> make_job_key(const Environment& environment);

}  // namespace shipyard::batch
