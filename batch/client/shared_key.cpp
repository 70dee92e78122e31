#include "batch/client/shared_key.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/ascii.hpp"
#include "base/base64.hpp"

namespace shipyard::batch {
namespace {

/// Of a query: %41 is A and + a blank. What is no escape stays as it is.
std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (escape) {
      plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      plain += text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

/// By decoded name.
std::multimap<std::string, std::string> parameters(std::string_view query) {
  std::multimap<std::string, std::string> found;
  for (std::size_t at = 0; at < query.size();) {
    const std::string_view part = query.substr(at, query.find('&', at) - at);
    at += part.size() + 1;
    if (part.empty()) continue;
    const auto equals = std::min(part.find('='), part.size());
    found.emplace(to_lower(decoded(part.substr(0, equals))),
                  decoded(part.substr(std::min(equals + 1, part.size()))));
  }
  return found;
}

}  // namespace

std::string string_to_sign(std::string_view account, const RequestLine& request, const Headers& headers) {
  std::map<std::string, std::string> by_name;
  for (const auto& [name, value] : headers) by_name[to_lower(name)] = value;

  std::string text = request.method + "\n";
  for (const char* name :
       {"content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
        "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"})
    text += by_name[name] + "\n";
  for (const auto& [name, value] : by_name) {
    if (name.starts_with("ocp-")) text += name + ":" + value + "\n";
  }
  text += "/" + std::string(account) + request.path;
  for (const auto& [name, value] : parameters(request.query)) text += "\n" + name + ":" + value;
  return text;
}

Result<std::string> sign_with_shared_key(std::string_view account, const Secret& key,
                                         const RequestLine& request, const Headers& headers) {
  const auto bytes = decode_base64(key.reveal());
  if (!bytes || bytes->empty())
    return input_error("the Batch account's access key is no base64",
                       "copy it as the portal shows it, or as `az batch account keys list` prints it");
  const std::string text = string_to_sign(account, request, headers);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), bytes->data(), static_cast<int>(bytes->size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
           &length) == nullptr)
    return Error{Error::Code::kSystem, "HMAC-SHA256 is not to be had from this machine's OpenSSL"};
  return "SharedKey " + std::string(account) + ":" +
         encode_base64({reinterpret_cast<const char*>(digest.data()), length});
}

}  // namespace shipyard::batch
