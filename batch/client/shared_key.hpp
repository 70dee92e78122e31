#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace shipyard::batch {

/// As they are sent; a name is compared without regard to case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// What a signature covers of a request; the body only by its length.
struct RequestLine {
  std::string method;  ///< in capitals
  std::string path;    ///< as it is sent, percent-encoded: /jobs/j/tasks/t/files/wd%2Fout.txt
  std::string query;   ///< as it is sent, without the question mark: api-version=…&$select=…
};

/// The text that SharedKey signs: the verb, the values of eleven headers (empty where a header is not sent;
/// Content-Length as it is sent, a 0 too), the ocp-* headers, account and path, the query's parameters
/// decoded. Each of these sorted by its name. Source: "Authenticate requests to the Azure Batch service",
/// Authentication via Shared Key.
[[nodiscard]] std::string string_to_sign(std::string_view account, const RequestLine& request,
                                         const Headers& headers);

/// The value of the Authorization header: `SharedKey ACCOUNT:SIGNATURE`. `key`: base64, as the portal shows
/// it. Fails where it is none. `headers` need an ocp-date (or Date), which the service compares with its
/// clock: 15 minutes at most.
[[nodiscard]] Result<std::string> sign_with_shared_key(std::string_view account, const Secret& key,
                                                       const RequestLine& request, const Headers& headers);

}  // namespace shipyard::batch
