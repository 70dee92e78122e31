#include "batch/client/sign_in.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/subprocess.hpp"

namespace shipyard::batch {
namespace {

using nlohmann::json;

/// Two slashes: the resource's own one, and the one before the permission (Microsoft identity platform,
/// v2.0).
constexpr const char* kScope = "https://batch.core.windows.net//.default";
constexpr const char* kResource = "https://batch.core.windows.net/";
constexpr std::chrono::minutes kBeforeTheEnd{5};
constexpr std::chrono::seconds kTokenLimit{30};

std::string text_of(const Environment& environment, const char* name) {
  return std::string(environment.get(name).value_or(""));
}

Result<Secret> secret_of(const Environment& environment, const std::string& name) {
  if (const Secret* secret = environment.secret(name)) return *secret;
  const std::string file = text_of(environment, (name + "_FILE").c_str());
  if (file.empty()) return Secret();
  return read_secret_file(file);
}

/// Without a / at the end. Plain http only to this machine: no @ either, since http://localhost:1@other.test
/// is another one.
Result<std::string> checked_url(std::string url, const char* variable, const char* example) {
  while (url.ends_with('/')) url.pop_back();
  const auto host_is = [&](std::string_view host) {
    const std::string start = fmt::format("http://{}", host);
    return url.starts_with(start) &&
           (url.size() == start.size() || url[start.size()] == ':' || url[start.size()] == '/');
  };
  const bool good =
      url.starts_with("https://") || host_is("127.0.0.1") || host_is("localhost") || host_is("[::1]");
  // "http://localhost:80@elsewhere" is not this machine.
  if (url.find_first_of(" \t\r\n\"'?#@") != std::string::npos || !good) {
    return input_error(fmt::format("{}: '{}' is not an https address", variable, url),
                       fmt::format("example: {}", example));
  }
  return url;
}

bool has_client_secret(const Environment& environment) {
  return environment.has("AZURE_TENANT_ID") && environment.has("AZURE_CLIENT_ID") &&
         (environment.secret("AZURE_CLIENT_SECRET") != nullptr ||
          environment.has("AZURE_CLIENT_SECRET_FILE"));
}

bool has_key(const Environment& environment) {
  return environment.secret("AZURE_BATCH_ACCESS_KEY") != nullptr ||
         environment.has("AZURE_BATCH_ACCESS_KEY_FILE");
}

Result<SignIn::Method> method_of(const std::string& word, const Environment& environment) {
  using Method = SignIn::Method;
  if (word == "key") return Method::kSharedKey;
  if (word == "secret") return Method::kClientSecret;
  if (word == "identity") return Method::kManagedIdentity;
  if (word == "az") return Method::kAzureCli;
  if (word != "auto")
    return input_error(fmt::format("--sign-in: '{}' is none of auto, key, secret, identity, az", word));
  if (has_key(environment)) return Method::kSharedKey;
  if (has_client_secret(environment)) return Method::kClientSecret;
  if (find_program("az", environment)) return Method::kAzureCli;
  return input_error(
      "no way to sign in to Azure Batch",
      "set AZURE_BATCH_ACCOUNT and AZURE_BATCH_ACCESS_KEY, or AZURE_TENANT_ID, AZURE_CLIENT_ID and "
      "AZURE_CLIENT_SECRET; or `az login`; on a VM with a managed identity: --sign-in identity");
}

}  // namespace

const std::vector<std::string>& secret_variables() {
  static const std::vector<std::string> names = {"AZURE_BATCH_ACCESS_KEY", "AZURE_CLIENT_SECRET"};
  return names;
}

Result<Secret> read_secret_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return system_error(fmt::format("'{}' cannot be read", path), errno);
  if ((status.st_mode & 077) != 0) {
    return input_error(fmt::format("others than its owner can read '{}' (mode {:o}), which holds a secret",
                                   path, status.st_mode & 07777),
                       fmt::format("chmod 600 {}", path));
  }
  auto text = read_file(path, 64 << 10);
  if (!text) return text.error();
  text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  if (text->empty()) return input_error(fmt::format("'{}' is empty, or its first line is", path));
  return Secret(std::move(*text));
}

Result<SignIn> read_sign_in(const std::string& word, const Environment& environment) {
  SignIn sign_in;
  const auto method = method_of(word, environment);
  if (!method) return method.error();
  sign_in.method = *method;
  sign_in.account = text_of(environment, "AZURE_BATCH_ACCOUNT");
  sign_in.tenant = text_of(environment, "AZURE_TENANT_ID");
  sign_in.client = text_of(environment, "AZURE_CLIENT_ID");

  if (!environment.has("AZURE_BATCH_ENDPOINT"))
    return input_error("AZURE_BATCH_ENDPOINT is not set",
                       "the account's address: `az batch account show --query accountEndpoint`; example: "
                       "https://myaccount.westeurope.batch.azure.com");
  std::string endpoint = text_of(environment, "AZURE_BATCH_ENDPOINT");
  // As the portal and `az` show it.
  if (endpoint.find("://") == std::string::npos) endpoint = "https://" + endpoint;
  auto url = checked_url(std::move(endpoint), "AZURE_BATCH_ENDPOINT",
                         "https://myaccount.westeurope.batch.azure.com");
  if (!url) return url.error();
  sign_in.endpoint = std::move(*url);
  if (environment.has("AZURE_AUTHORITY_HOST")) {
    auto authority = checked_url(text_of(environment, "AZURE_AUTHORITY_HOST"), "AZURE_AUTHORITY_HOST",
                                 "https://login.microsoftonline.com");
    if (!authority) return authority.error();
    sign_in.authority = std::move(*authority);
  }
  if (environment.has("SHIPYARD_METADATA_URL")) {
    sign_in.metadata = text_of(environment, "SHIPYARD_METADATA_URL");
    while (sign_in.metadata.ends_with('/')) sign_in.metadata.pop_back();
  }

  if (sign_in.method == SignIn::Method::kSharedKey) {
    if (sign_in.account.empty())
      return input_error("AZURE_BATCH_ACCOUNT is not set",
                         "the account's name, which a key alone does not say");
    auto key = secret_of(environment, "AZURE_BATCH_ACCESS_KEY");
    if (!key) return key.error();
    if (key->empty())
      return input_error("neither AZURE_BATCH_ACCESS_KEY nor AZURE_BATCH_ACCESS_KEY_FILE is set");
    sign_in.key = std::move(*key);
  }
  if (sign_in.method == SignIn::Method::kClientSecret) {
    if (!has_client_secret(environment))
      return input_error(
          "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are needed, and not all are set");
    auto secret = secret_of(environment, "AZURE_CLIENT_SECRET");
    if (!secret) return secret.error();
    sign_in.key = std::move(*secret);
  }
  return sign_in;
}

Result<std::string> Signer::authorize(const RequestLine& request, const Headers& headers) {
  if (sign_in_.method == SignIn::Method::kSharedKey)
    return sign_with_shared_key(sign_in_.account, sign_in_.key, request, headers);
  if (token_.empty() || std::chrono::system_clock::now() + kBeforeTheEnd > token_ends_) {
    if (auto fetched = fetch_token(); !fetched) return fetched.error();
  }
  return "Bearer " + token_.reveal();
}

Status Signer::take_token(const std::string& answer, const std::string& whose) {
  const json body = json::parse(answer, nullptr, false);
  // Entra says access_token and expires_in (a number, IMDS: as text), `az` accessToken and expires_on
  // since 2.54.
  const auto text = [&](const char* key) {
    const auto found = body.is_object() ? body.find(key) : body.end();
    if (!body.is_object() || found == body.end()) return std::string();
    return found->is_string() ? found->get<std::string>() : found->dump();
  };
  std::string token = text("access_token");
  if (token.empty()) token = text("accessToken");
  if (token.empty()) return Error{Error::Code::kSystem, fmt::format("{} has sent no token", whose), {}, {}};
  const auto now = std::chrono::system_clock::now();
  token_ends_ = now + std::chrono::minutes(10);
  if (const auto seconds = std::atoll(text("expires_in").c_str()); seconds > 0)
    token_ends_ = now + std::chrono::seconds(seconds);
  else if (const auto end = std::atoll(text("expires_on").c_str()); end > 0)
    token_ends_ = std::chrono::system_clock::from_time_t(static_cast<std::time_t>(end));
  token_ = Secret(std::move(token));
  return Ok{};
}

Status Signer::ask_for_token(const HttpRequest& request, const std::string& whose) {
  const HttpOutcome outcome = http_.send(request);
  if (outcome.kind != HttpOutcome::Kind::kAnswered)
    return Error{Error::Code::kSystem, fmt::format("{} does not answer: {}", whose, outcome.fault), {}, {}};
  if (outcome.response.status == 200) return take_token(outcome.response.body, whose);
  const json body = json::parse(outcome.response.body, nullptr, false);
  std::string words;
  if (body.is_object() && body.contains("error_description") && body["error_description"].is_string())
    words = body["error_description"].get<std::string>();
  words.resize(std::min(words.find_first_of("\r\n"), words.size()));
  return Error{Error::Code::kInput,
               fmt::format("{} refuses: {}", whose,
                           words.empty() ? fmt::format("HTTP {}", outcome.response.status) : words),
               {},
               {}};
}

Status Signer::fetch_token() {
  switch (sign_in_.method) {
    case SignIn::Method::kSharedKey:
      return Ok{};
    case SignIn::Method::kClientSecret: {
      HttpRequest request{"POST", fmt::format("{}/{}/oauth2/v2.0/token", sign_in_.authority,
                                              percent_encode(sign_in_.tenant))};
      request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
      request.body = fmt::format("grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
                                 percent_encode(sign_in_.client), percent_encode(sign_in_.key.reveal()),
                                 percent_encode(kScope));
      request.limit = kTokenLimit;
      return ask_for_token(request, "Entra");
    }
    case SignIn::Method::kManagedIdentity: {
      HttpRequest request{
          "GET", fmt::format("{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}{}",
                             sign_in_.metadata, percent_encode(kResource),
                             sign_in_.client.empty() ? "" : "&client_id=" + percent_encode(sign_in_.client))};
      request.headers = {{"Metadata", "true"}};
      request.limit = kTokenLimit;
      return ask_for_token(request, "the VM's metadata service");
    }
    case SignIn::Method::kAzureCli: {
      Command command;
      command.argv = {"az", "account", "get-access-token", "--resource", kResource, "--output", "json"};
      command.environment = environment_.as_strings();
      command.standard_output = command.standard_error = Command::Stream::kPipe;
      auto completed = run(std::move(command), std::chrono::seconds(60));
      if (!completed) return completed.error();
      if (!completed->exit.success()) {
        std::string words = completed->errors;
        while (!words.empty() && words.back() == '\n') words.pop_back();
        return Error{
            Error::Code::kInput,
            fmt::format("az cannot get a token ({}): {}", describe(completed->exit), words.substr(0, 500)),
            "`az login` signs you in",
            {}};
      }
      return take_token(completed->output, "az");
    }
  }
  return Ok{};
}

}  // namespace shipyard::batch
