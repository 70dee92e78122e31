#include "batch/local/service/request_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/ascii.hpp"
#include "batch/client/document.hpp"
#include "batch/local/service/definitions.hpp"

namespace shipyard::local {

using nlohmann::json;

namespace {

constexpr std::chrono::minutes kAllowedSkew{15};
/// No body of Batch's is as deep; what is deeper would be a burden on the stack.
constexpr int kDeepestBody = 64;

Fault refused(const std::string& detail) {
  return {"AuthenticationFailed", {{"AuthenticationErrorDetail", detail}}};
}

/// In a time that does not tell where they differ.
bool are_equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

std::string with_visible_line_ends(const std::string& text) {
  std::string shown;
  for (const char c : text) shown += c == '\n' ? "\\n" : std::string(1, c);
  return shown;
}

/// YYYY-MM-DD.MAJOR.MINOR
bool is_version(std::string_view text) {
  static constexpr std::string_view kForm = "dddd-dd-dd.";
  if (text.size() < kForm.size() + 3) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !is_digit(text[i]) : text[i] != kForm[i]) return false;
  }
  text.remove_prefix(kForm.size());
  const auto dot = text.find('.');
  return dot != 0 && dot != std::string_view::npos && dot + 1 < text.size() &&
         text.find_first_not_of("0123456789.") == std::string_view::npos &&
         text.find('.', dot + 1) == std::string_view::npos;
}

/// The document, or what is wrong with it; a key that stands twice is a fault, as Azure has it.
std::variant<json, std::string> parsed(const std::string& text) {
  std::vector<std::set<std::string>> keys;
  std::string fault;
  const auto look = [&](int depth, json::parse_event_t event, json& part) {
    if (depth > kDeepestBody && fault.empty()) fault = "it is nested too deeply";
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.empty() && fault.empty() &&
        !keys.back().insert(part.get<std::string>()).second)
      fault = fmt::format("the key {} stands twice", part.get<std::string>());
    return depth <= kDeepestBody;
  };
  json document = json::parse(text, look, false);
  if (document.is_discarded() && fault.empty()) fault = "it is no JSON";
  if (!fault.empty()) return fault;
  return document;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    plain += escape ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return plain;
}

std::vector<std::pair<std::string, std::string>> query_parameters(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> found;
  const auto decoded = [](std::string_view text) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return percent_decoded(spaced);
  };
  for (std::size_t at = 0; at < query.size();) {
    const std::string_view part = query.substr(at, query.find('&', at) - at);
    at += part.size() + 1;
    if (part.empty()) continue;
    const auto equals = std::min(part.find('='), part.size());
    found.emplace_back(decoded(part.substr(0, equals)),
                       decoded(part.substr(std::min(equals + 1, part.size()))));
  }
  return found;
}

std::optional<Fault> fault_of_signature(const HttpRequest& request, const Credentials& credentials,
                                        Time now) {
  const auto ocp_date = request.header("ocp-date");
  const auto date = ocp_date ? ocp_date : request.header("Date");
  if (!date) return refused("There is neither ocp-date nor Date in the request.");
  const auto sent = parse_http_date(*date);
  if (!sent) return refused(fmt::format("The date is not of RFC 1123's form: '{}'", *date));
  if (*sent - now > kAllowedSkew || now - *sent > kAllowedSkew)
    return refused(fmt::format("The request's date is more than 15 minutes off: '{}'", *date));

  const std::string given = request.header("Authorization").value_or("");
  constexpr std::string_view kScheme = "SharedKey ";
  const auto colon = given.find(':');
  if (!given.starts_with(kScheme) || colon == std::string::npos)
    return refused("Authorization is not 'SharedKey ACCOUNT:SIGNATURE'.");
  const std::string name = given.substr(kScheme.size(), colon - kScheme.size());
  if (name != credentials.account) return refused(fmt::format("The account '{}' is not known here.", name));

  batch::Headers signed_headers;
  for (const auto& header : request.headers) {
    // ocp-date stands for Date.
    if (!(ocp_date && is_same_id(header.first, "Date"))) signed_headers.push_back(header);
  }
  const batch::RequestLine line{request.method, request.path, request.query};
  const auto wanted = batch::sign_with_shared_key(credentials.account, credentials.key, line, signed_headers);
  if (!wanted) return Fault{"InternalError", {}, wanted.error().message};
  if (are_equal(given, *wanted)) return std::nullopt;
  return refused(
      fmt::format("The MAC signature found in the HTTP request '{}' is not the same as any computed "
                  "signature. Server used "
                  "following string to sign: '{}'.",
                  given.substr(colon + 1),
                  with_visible_line_ends(batch::string_to_sign(credentials.account, line, signed_headers))));
}

std::optional<Fault> fault_of_query(const std::vector<std::pair<std::string, std::string>>& parameters,
                                    const std::vector<std::string>& known) {
  const auto version = std::find_if(parameters.begin(), parameters.end(),
                                    [](const auto& parameter) { return parameter.first == "api-version"; });
  if (version == parameters.end())
    return Fault{"MissingRequiredQueryParameter", {{"QueryParameterName", "api-version"}}};
  if (!is_version(version->second))
    return Fault{"InvalidQueryParameterValue",
                 {{"QueryParameterName", "api-version"}, {"QueryParameterValue", version->second}}};
  for (const auto& [name, value] : parameters) {
    if (name == "api-version" || name == "timeout" ||
        std::find(known.begin(), known.end(), name) != known.end()) {
      const bool counts = name == "maxresults" || name == "timeout" || name == "$skiptoken";
      if (!counts) continue;
      const std::vector<std::pair<std::string, std::string>> what = {{"QueryParameterName", name},
                                                                     {"QueryParameterValue", value}};
      unsigned long number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (value.empty() || end != value.data() + value.size() || error == std::errc::invalid_argument)
        return Fault{"InvalidQueryParameterValue", what};
      if (error != std::errc() || (name != "$skiptoken" && number < 1) ||
          (name == "maxresults" && number > 1000))
        return Fault{"OutOfRangeQueryParameterValue", what};
      continue;
    }
    return Fault{"UnsupportedQueryParameter", {{"QueryParameterName", name}}};
  }
  return std::nullopt;
}

std::variant<json, Fault> body_of(const HttpRequest& request, const std::string& definition, bool required) {
  const bool takes_one = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (takes_one && !request.header("Content-Length")) return Fault{"MissingContentLengthHeader"};
  if (request.body.empty()) {
    if (required) return Fault{"InvalidRequestBody", {{"Reason", "the body is missing: " + definition}}};
    return json();
  }
  if (definition.empty()) return Fault{"InvalidRequestBody", {{"Reason", "this operation takes no body"}}};
  const auto type = request.header("Content-Type");
  if (!type) return Fault{"MissingRequiredHeader", {{"HeaderName", "Content-Type"}}};
  std::string plain = *type;
  std::erase(plain, ' ');
  if (plain != "application/json;odata=minimalmetadata" &&
      plain != "application/json;odata=minimalmetadata;charset=utf-8")
    return Fault{"InvalidHeaderValue", {{"HeaderName", "Content-Type"}, {"HeaderValue", *type}}};
  if (!batch::is_utf8(request.body)) return Fault{"InvalidRequestBody", {{"Reason", "it is no UTF-8"}}};
  auto document = parsed(request.body);
  if (const auto* fault = std::get_if<std::string>(&document))
    return Fault{"InvalidRequestBody", {{"Reason", *fault}}};
  auto& body = std::get<json>(document);
  auto faults = faults_of_body(body, definition);
  if (!faults.empty()) return Fault{"InvalidRequestBody", std::move(faults)};
  return std::move(body);
}

}  // namespace shipyard::local
