#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace shipyard::batch {

/// Secrets out of what is shown, or hashed. Pure.

/// The job's ssh key, by this variable of the task.
inline constexpr const char* kKeyVariable = "SHIPYARD_SSH_KEY";

/// "***" in place of each secret: the job's key, passwords, keys of storage accounts and of users, an
/// extension's protected settings, the signature of a shared access signature (SAS) in a URL.
[[nodiscard]] nlohmann::json without_secrets(const nlohmann::json& body);

/// A text with "***" in place of the signature in each SAS URL in it. The rest of such a URL is kept: it says
/// which file it is about, and until when it holds.
[[nodiscard]] std::string without_signatures(std::string_view text);

/// A text without the whole query of each URL that holds a signature: a renewed one has other times too, and
/// asks for the same.
[[nodiscard]] std::string without_signed_queries(std::string_view text);

}  // namespace shipyard::batch
