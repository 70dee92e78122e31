#pragma once

#include <optional>
#include <variant>

#include "batch/local/service/fault.hpp"
#include "batch/local/service/routes.hpp"

namespace shipyard::local {

/// SharedKey, as Azure checks it: the Authorization header is that of this account and key, over the string
/// that FACTS' source describes (shared_key.hpp), and ocp-date (or Date) is at most 15 minutes off. The
/// detail of a refusal names the string to sign, with its line ends as \n.
[[nodiscard]] std::optional<Fault> fault_of_signature(const HttpRequest& request,
                                                      const Credentials& credentials, Time now);

/// The parameters of a query, decoded, in their order.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> query_parameters(std::string_view query);

/// %XX decoded; what is no escape stays.
[[nodiscard]] std::string percent_decoded(std::string_view text);

/// api-version has Batch's form, and no parameter is unknown to the operation (`known`) or out of its range.
[[nodiscard]] std::optional<Fault> fault_of_query(
    const std::vector<std::pair<std::string, std::string>>& parameters,
    const std::vector<std::string>& known);

/// The body as `definition` wants it (definitions.hpp), null where there is none. `definition` empty: the
/// operation takes no body. `required`: it must have one.
[[nodiscard]] std::variant<nlohmann::json, Fault> body_of(const HttpRequest& request,
                                                          const std::string& definition, bool required);

}  // namespace shipyard::local
