#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace shipyard::local {

/// What the service refuses: one of Batch's error codes and what more is to be said ("Batch Status and Error
/// Codes", learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes).
struct Fault {
  std::string code;
  std::vector<std::pair<std::string, std::string>> values = {};  ///< PropertyName, Reason, …
  std::string message = {};                                      ///< empty: the code's own words

  bool operator==(const Fault&) const = default;
};

/// The HTTP status of a code; 500 for one that is not in the published table.
[[nodiscard]] int http_status(const Fault& fault);

/// `message`, or the words of the code.
[[nodiscard]] std::string words_of(const Fault& fault);

/// BatchError as it travels: code, message with the request's id and the time in it, values.
[[nodiscard]] nlohmann::json error_body(const Fault& fault, const std::string& base,
                                        const std::string& request_id, const std::string& time);

}  // namespace shipyard::local
