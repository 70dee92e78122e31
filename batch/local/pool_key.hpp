#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "batch/local/pool.hpp"

namespace shipyard::local {

/// A new ed25519 key as the value of kKeyVariable. It lies in `directory`, which must be private, for a
/// moment. Interrupted: an empty one.
Result<Secret> make_key(const std::string& directory, const Edge& edge);

}  // namespace shipyard::local
