#include "batch/client/redact.hpp"

#include <algorithm>
#include <array>

namespace shipyard::batch {
namespace {

using nlohmann::json;

constexpr const char* kHidden = "***";
/// Where a URL in a longer text has its end: what no URL contains (RFC 3986), and ')' and ',' of a sentence.
constexpr std::string_view kAroundUrl = " \t\r\n\"'<>\\`{}|^),";
constexpr std::string_view kAroundValue = "& \t\r\n\"'<>\\`{}|^),";
constexpr std::string_view kAroundQuery = "? \t\r\n\"'<>\\`{}|^),";
constexpr std::string_view kSignature = "sig=";

/// Where the next signature's value begins: behind "?sig=" or "&sig=", however that & is written.
std::size_t find_signature(std::string_view text, std::size_t from) {
  for (std::size_t at = from; (at = text.find(kSignature, at)) != std::string_view::npos; ++at) {
    const std::string_view before = text.substr(0, at);
    for (const std::string_view separator : {"?", "&", "&amp;", "\\u0026", "%26", "%3F", "%3f"}) {
      if (before.ends_with(separator)) return at + kSignature.size();
    }
  }
  return std::string_view::npos;
}

bool is_secret_key(const std::string& key) {
  constexpr std::array kKeys = {"password", "accountKey", "sasKey", "sshPrivateKey", "protectedSettings"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

}  // namespace

std::string without_signatures(std::string_view text) {
  std::string hidden;
  std::size_t at = 0;
  for (std::size_t found = 0; (found = find_signature(text, at)) != std::string_view::npos;) {
    hidden += text.substr(at, found - at);
    hidden += kHidden;
    at = std::min(text.find_first_of(kAroundValue, found), text.size());
  }
  return hidden += text.substr(at);
}

std::string without_signed_queries(std::string_view text) {
  std::string shortened(text);
  for (std::size_t at = 0; (at = find_signature(shortened, at)) != std::string::npos;) {
    const auto begin = shortened.find_last_of(kAroundQuery, at);
    const auto end = std::min(shortened.find_first_of(kAroundUrl, at), shortened.size());
    if (begin == std::string::npos || shortened[begin] != '?') {
      at = end;
      continue;
    }
    shortened.erase(begin, end - begin);
    at = begin;
  }
  return shortened;
}

json without_secrets(const json& body) {
  if (body.is_string()) return without_signatures(body.get_ref<const std::string&>());
  if (body.is_array()) {
    json list = json::array();
    for (const auto& item : body) list.push_back(without_secrets(item));
    return list;
  }
  if (!body.is_object()) return body;
  json object = json::object();
  const json name = body.value("name", json());
  const bool secret_variable =
      name.is_string() &&
      (name == kKeyVariable || name.get<std::string>().starts_with("SHIPYARD_REGISTRY_PASSWORD"));
  for (const auto& [key, value] : body.items()) {
    const bool secret = is_secret_key(key) || (secret_variable && key == "value");
    object[key] = secret && !value.is_null() ? json(kHidden) : without_secrets(value);
  }
  return object;
}

}  // namespace shipyard::batch
